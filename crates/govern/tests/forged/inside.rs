fn edit(mut approved: endcap_govern::Approved<endcap_govern::gate::Intent>, intent: endcap_govern::gate::Intent) {
    approved.inner = intent;
    *approved.get() = approved.get().clone();
}

fn main() {}
