public class Load {}
