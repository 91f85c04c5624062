use endcap_demand::*;
use endcap_model::*;
use std::collections::BTreeMap;
use std::io::Write;
fn read(path: &str, cal: Calendar, controls: &[&str]) -> Panel {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |n: &str| head.iter().position(|h| *h == n).unwrap();
    let (u,g,ti,p,r)=(at("unit_id"),at("group_id"),at("tier_id"),at("place_id"),at("region"));
    let nums:Vec<usize>=["units","price","base_price","feature","display","stockout_share"].iter().map(|n|at(n)).collect();
    let per=at("period");
    let cs:Vec<usize>=controls.iter().map(|n|at(n)).collect();
    let mut skus: BTreeMap<String,(u32,String,String)>=BTreeMap::new(); let mut places:BTreeMap<String,(u32,String)>=BTreeMap::new();
    let mut rows:Vec<Vec<&str>>=Vec::new();
    for l in lines { let f:Vec<&str>=l.split(',').collect(); skus.entry(f[u].into()).or_insert((0,f[g].into(),f[ti].into())); places.entry(f[p].into()).or_insert((0,f[r].into())); rows.push(f);}    
    for (i,v) in skus.values_mut().enumerate(){v.0=i as u32} for (i,v) in places.values_mut().enumerate(){v.0=i as u32}
    let mut c=PanelColumns::default();
    c.controls=controls.iter().map(|n|Control{name:n.to_string(),values:vec![]}).collect();
    for f in &rows { c.sku.push(skus[f[u]].0); c.place.push(places[f[p]].0); c.period.push(Period(f[per].parse().unwrap()));
      let v:Vec<f64>=nums.iter().map(|&i|f[i].parse().unwrap()).collect();
      c.units.push(v[0]);c.price.push(v[1]);c.base_price.push(v[2]);c.feature.push(v[3]);c.display.push(v[4]);c.stockout_share.push(v[5]);
      for (k,&i) in cs.iter().enumerate(){c.controls[k].values.push(f[i].parse().unwrap())}
    }
    Panel::new(cal, skus.iter().map(|(k,v)|SkuEntry{sku:Sku::new(k),group:Group::new(&v.1),tier:v.2.clone()}).collect(), places.iter().map(|(k,v)|PlaceEntry{place:Place::new(k),region:v.1.clone()}).collect(), c).unwrap()
}
fn main(){
    let a:Vec<String>=std::env::args().collect();
    let cal=if a[1].contains("frn"){Calendar::Day}else{Calendar::Index};
    let controls:Vec<&str>=if a[1].contains("frn"){vec!["holiday","precpt","avg_temperature"]}else{vec!["holiday"]};
    let t=std::time::Instant::now();
    let panel=read(&a[1],cal,&controls);
    eprintln!("read {} rows {:.2}s",panel.len(),t.elapsed().as_secs_f64());
    let t=std::time::Instant::now();
    let f=fit(&panel,&FitSettings::default(),&|_,_|{}).unwrap();
    eprintln!("fit {:.2}s carry {} season {:?} disp {:?} memory {:?}",t.elapsed().as_secs_f64(),f.lift.dip_carry,f.frame.season,f.dispersion,f.memory);
    eprintln!("recal {:?}",f.recalibration.observations);
    for m in &f.recalibration.classes { eprintln!("  {}",m.iter().map(|v|format!("{v:.3}")).collect::<Vec<_>>().join(" ")); }
    if let Some(out)=a.get(2){ let mut w=std::fs::File::create(out).unwrap(); writeln!(w,"sku,effect,mean,se,lo,hi,n,status").unwrap();
      for r in &f.lift.responses { for k in EffectKind::ALL { let e=r.effect(k); writeln!(w,"{},{},{},{},{},{},{},{}",r.sku,k.name(),e.mean,e.se,e.lo95,e.hi95,e.periods_promoted,e.status.to_string().replace(',',";")).unwrap(); } } }
    let t=std::time::Instant::now(); let ev=events(&f,&panel); eprintln!("events {} {:.2}s own {:.0} can {:.0} dip {:.0} net {:.0} naive {:.0}",ev.len(),t.elapsed().as_secs_f64(),ev.iter().map(|e|e.own.units).sum::<f64>(),ev.iter().map(|e|e.cannibalised.units).sum::<f64>(),ev.iter().map(|e|e.pulled_forward.units).sum::<f64>(),ev.iter().map(|e|e.net.units).sum::<f64>(),ev.iter().filter_map(|e|e.naive).sum::<f64>());
    if let Some(out)=a.get(2){ let mut w=std::fs::File::create(format!("{out}.events")).unwrap(); writeln!(w,"sku,start,end,own,can,dip,net,lo,hi,naive").unwrap(); for e in &ev { writeln!(w,"{},{},{},{},{},{},{},{},{},{}",e.sku,e.span.start.0,e.span.end.0,e.own.units,e.cannibalised.units,e.pulled_forward.units,e.net.units,e.net.lo95,e.net.hi95,e.naive.unwrap_or(f64::NAN)).unwrap(); } }
    if a.len()>3 { let t=std::time::Instant::now(); let b=backtest(&panel,&BacktestSettings::default(),&|_,_|{}).unwrap(); eprintln!("backtest {:.1}s left out {}",t.elapsed().as_secs_f64(),b.cells_left_out); for s in b.scores { eprintln!("{:9} {:34} n {:6} wape {:.4} bias {:+.3} pin {:.4} cov {:.3}",s.cells,s.forecast,s.count,s.wape,s.bias,s.pinball.unwrap_or(0.0),s.coverage90.unwrap_or(0.0)); } }
}
