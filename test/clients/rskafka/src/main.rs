//! rskafka in the client matrix. Arguments: BOOTSTRAP PREFIX SHARED FEATURES, see ../../matrix/program.ts.

mod features;
mod records;

use serde_json::json;

/// Cargo.lock as it was built: it names the library's version.
const LOCK: &str = include_str!("../Cargo.lock");

fn version() -> &'static str {
    let entry = LOCK
        .split("[[package]]")
        .find(|entry| entry.contains("name = \"rskafka\"\n"));
    entry
        .and_then(|entry| entry.split("version = \"").nth(1))
        .and_then(|rest| rest.split('"').next())
        .unwrap_or("unknown")
}

/// What this library does not have, and why.
const NOT_IN_CLIENT: &[(&[&str], &str)] = &[
    (&["log-append-time"], "rskafka shows the producer's time"),
    (&["keys"], "rskafka has no partitioner"),
    (&["acks-0", "acks-1"], "rskafka sends with acks=all"),
    (&["idempotence"], "rskafka has no idempotent producer"),
    (
        &["position"],
        "records carry their offsets, there is no position",
    ),
    (
        &[
            "group-share",
            "group-commit",
            "group-resume",
            "list-groups",
            "describe-group",
            "list-group-offsets",
            "delete-group-offsets",
            "delete-group",
        ],
        "rskafka has no groups",
    ),
    (
        &["transactions", "transaction-offsets", "transaction-fencing"],
        "rskafka has no transactional producer",
    ),
    (
        &["committed-of-kafkajs", "uncommitted-of-kafkajs"],
        "rskafka cannot read the markers of transactions",
    ),
    (
        &[
            "create-partitions",
            "describe-configs",
            "alter-configs",
            "describe-cluster",
        ],
        "rskafka does not ask for it",
    ),
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bootstrap, prefix, shared, wanted] = arguments.as_slice() else {
        panic!("usage: rskafka-matrix BOOTSTRAP PREFIX SHARED FEATURES")
    };
    let wanted: Vec<&str> = wanted.split(',').collect();
    println!("{}", json!({ "client": "rskafka", "version": version() }));
    let trying = features::Features::connect(bootstrap, prefix, shared).await;
    for feature in features::FEATURES
        .iter()
        .filter(|each| wanted.contains(each))
    {
        match trying.attempt(feature).await {
            Ok(()) => println!("{}", json!({ "feature": feature, "ok": true })),
            Err(why) => println!(
                "{}",
                json!({ "feature": feature, "ok": false, "detail": why })
            ),
        }
    }
    for (features, why) in NOT_IN_CLIENT {
        for feature in features.iter().filter(|each| wanted.contains(each)) {
            println!(
                "{}",
                json!({ "feature": feature, "ok": null, "detail": why })
            );
        }
    }
}
