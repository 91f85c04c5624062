fn let_through(
    intent: endcap_govern::gate::Intent,
    hash: endcap_model::ContentHash,
) -> endcap_govern::Approved<endcap_govern::gate::Intent> {
    endcap_govern::approved::let_through(intent, hash.clone(), hash)
}

fn main() {}
