/** Whether a program was told to stop. It ends when its main method does. */
final class Stop {
  private static volatile boolean asked;

  private Stop() {}

  static boolean isAsked() {
    return asked;
  }

  /** Called once, in the thread of the main method. */
  static void listen() {
    Thread main = Thread.currentThread();
    // The hook waits for main: a JVM that got SIGTERM ends when its hooks have.
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      asked = true;
      try {
        main.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }));
  }
}
