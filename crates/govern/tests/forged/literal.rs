fn forge(plan: endcap_model::Plan, decision: endcap_model::Decision) -> endcap_govern::Approved<endcap_model::Plan> {
    endcap_govern::Approved { inner: plan, decision }
}

fn main() {}
