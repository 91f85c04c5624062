//! dev driver
use endcap_plan::formats::*;
use endcap_plan::solve::*;
use std::time::Instant;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let limit: f64 = std::env::var("LIMIT").ok().and_then(|s| s.parse().ok()).unwrap_or(0.0);
    let gap: f64 = std::env::var("GAP").ok().and_then(|s| s.parse().ok()).unwrap_or(0.0001);
    let threads: Option<usize> = std::env::var("THREADS").ok().and_then(|s| s.parse().ok());
    let settings = Settings { gap, threads, time_limit: (limit > 0.0).then(|| std::time::Duration::from_secs_f64(limit)), ..Settings::default() };
    let p = std::path::Path::new(&a[1]);
    if p.is_dir() {
        let r = |n: &str| std::fs::read_to_string(p.join(n)).unwrap_or_default();
        let (i, s, b, g, st, pa, tr) = (r("instance.json"), r("skus.csv"), r("base.csv"), r("gamma.csv"), r("stock.csv"), r("pairs.csv"), r("triples.csv"));
        let t = Instant::now();
        let inst = promotion(&PromotionText { instance: &i, skus: &s, base: &b, gamma: &g, stock: &st, pairs: Some(&pa), triples: (!tr.is_empty()).then_some(tr.as_str()) }).unwrap();
        let read = t.elapsed().as_secs_f64();
        let t = Instant::now();
        let s = solve(&inst.problem, &settings, &|| false);
        if let Solve::Solved(s) = &s {
            println!("{} obj {} bound {} gap {:.5}% {:?} read {:.2} solve {:.2}", inst.name, s.objective, s.bound, 100.0 * s.gap(), s.status, read, t.elapsed().as_secs_f64());
            let mut out = String::from("sku,week,depth_index\n");
            for (s, w, d) in inst.rows(s) { out += &format!("{s},{w},{d}\n"); }
            std::fs::write(p.join("plan.csv"), out).unwrap();
        } else { println!("{s:?}"); }
    } else {
        let f = match a[2].as_str() { "mkp" => PublicFormat::Mkp, "mmkp" => PublicFormat::Mmkp, _ => PublicFormat::Gap };
        let name = p.file_stem().unwrap().to_str().unwrap();
        let sense = if name.starts_with("gapa") || name.starts_with("gapc") { Sense::Minimise } else { Sense::Maximise };
        for q in public(name, &std::fs::read_to_string(p).unwrap(), f, sense).unwrap() {
            let t = Instant::now();
            match solve(&q.problem, &settings, &|| false) {
                Solve::Solved(s) => println!("{name} {} obj {} bound {} {:?} {:.2}", q.number, q.value(s.objective), q.value(s.bound), s.status, t.elapsed().as_secs_f64()),
                other => println!("{name} {} {other:?}", q.number),
            }
        }
    }
}
