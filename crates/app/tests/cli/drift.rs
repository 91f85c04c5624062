//! `endcap drift`: newer sales beside the model that was fitted before them.

use crate::judgement::{Shop, json};
use crate::run;
use std::fs;

#[test]
fn sales_that_double_are_told_as_drift_and_sales_as_before_are_not() {
    let shop = Shop::new();
    let model = shop.at("models/model.json");
    let drift = |panel: &str, expected: i32| {
        json(&["drift", "--panel", &shop.at(panel), "--model", &model, "--json"], expected)
    };
    let (_, messages, status) = run(&["drift", "--panel", &shop.at("history.csv"), "--model", &model]);
    assert!(status == 1 && messages.contains("nothing was sold after 2024-W40"), "{messages}");
    // Item a sells twice as much from week 41 on, item b as before.
    let found = drift("later.csv", 1);
    assert_eq!((found["verdict"].as_str(), found["first_period"].as_str()), (Some("drifted"), Some("2024-W41")));
    let all = &found["errors"][0];
    assert_eq!((all["cells"].as_str(), all["periods"].as_u64()), (Some("all"), Some(4)));
    assert!(all["shift"]["lo95"].as_f64().unwrap() > 1.1 && all["money"]["value"].as_f64().unwrap() > 0.0, "{all}");
    // The same weeks at half of the units of item a: as ever.
    let text = fs::read_to_string(shop.path("later.csv")).unwrap();
    let usual = text.lines().enumerate().map(|(at, line)| {
        let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        if at > 160 && fields[0] == "a" {
            fields[3] = (fields[3].parse::<f64>().unwrap() / 2.0).round().to_string();
        }
        fields.join(",") + "\n"
    });
    fs::write(shop.path("usual.csv"), usual.collect::<String>()).unwrap();
    let found = drift("usual.csv", 0);
    assert_ne!(found["verdict"], "drifted", "{found}");
    let (table, _, _) = run(&["drift", "--panel", &shop.at("later.csv"), "--model", &model]);
    assert!(table.contains("Sold over forecast") && table.contains("endcap fit"), "{table}");
}
