//! The quantile of the standard normal.
//!
//! # Source
//! Wichura 1988, Algorithm AS 241 (PPND16): rational approximations with a relative error below 1e-15.

const CENTRE: [[f64; 8]; 2] = [
    [
        3.387_132_872_796_366_5,
        1.331_416_678_917_843_8e2,
        1.971_590_950_306_551_3e3,
        1.373_169_376_550_946e4,
        4.592_195_393_154_987e4,
        6.726_577_092_700_87e4,
        3.343_057_558_358_813e4,
        2.509_080_928_730_122_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091e1,
        6.871_870_074_920_579e2,
        5.394_196_021_424_751e3,
        2.121_379_430_158_659_7e4,
        3.930_789_580_009_271e4,
        2.872_908_573_572_194_3e4,
        5.226_495_278_852_854e3,
    ],
];
const SIDE: [[f64; 8]; 2] = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        2.417_807_251_774_506e-1,
        2.272_384_498_926_918_4e-2,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        6.897_673_349_851e-1,
        1.481_039_764_274_800_8e-1,
        1.519_866_656_361_645_7e-2,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
];
const TAIL: [[f64; 8]; 2] = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        2.965_605_718_285_048_7e-1,
        2.653_218_952_657_612_4e-2,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        5.998_322_065_558_88e-1,
        1.369_298_809_227_358e-1,
        1.487_536_129_085_061_5e-2,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_7e-15,
    ],
];

/// Returns the value that a standard normal stays below with this probability, strictly between 0 and 1.
#[inline]
pub(crate) fn quantile(probability: f64) -> f64 {
    let q = probability - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&CENTRE, 0.180_625 - q * q);
    }
    let outside = if q < 0.0 { probability } else { 1.0 - probability };
    let r = (-outside.ln()).sqrt();
    let value = if r <= 5.0 { ratio(&SIDE, r - 1.6) } else { ratio(&TAIL, r - 5.0) };
    if q < 0.0 { -value } else { value }
}

fn ratio(of: &[[f64; 8]; 2], r: f64) -> f64 {
    let [above, below] = of.each_ref().map(|terms| terms.iter().rev().fold(0.0, |sum, term| sum * r + term));
    above / below
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, Normal};

    #[test]
    fn quantiles_agree_with_another_implementation() {
        let exact = Normal::standard();
        for step in 1..20_000 {
            let probability = f64::from(step) / 20_000.0;
            assert!((quantile(probability) - exact.inverse_cdf(probability)).abs() < 1e-8, "{probability}");
        }
        for probability in [1e-16, 1e-9, 1e-5] {
            let back = exact.cdf(quantile(probability));
            assert!((back / probability - 1.0).abs() < 1e-6, "{probability}: {back}");
        }
    }
}
