fn read(json: &str) -> endcap_govern::Approved<endcap_govern::gate::Intent> {
    serde_json::from_str(json).unwrap()
}

fn main() {}
