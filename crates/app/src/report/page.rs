//! Pages: template, styles, scripts and data put together as one file that connects to nothing.

use endcap_model::hash_bytes;

/// The template of a page with its own script, joined of parts.
pub(super) struct Page {
    template: &'static str,
    script: &'static str,
}

/// The report on a plan.
pub(super) const REPORT: Page = Page { template: include_str!("page.html"), script: SCRIPT };
/// Plans under several goals.
pub(super) const TRADE_OFF: Page = Page { template: include_str!("trade_off.html"), script: TRADE_OFF_SCRIPT };

/// What past promotions earned.
pub(super) const ANALYSIS: Page = Page { template: include_str!("analysis.html"), script: ANALYSIS_SCRIPT };
/// Policies that were tried in simulated worlds.
pub(super) const TRIAL: Page = Page { template: include_str!("trial.html"), script: TRIAL_SCRIPT };
/// What a model knows and how far to trust it.
pub(super) const CARD: Page = Page { template: include_str!("card.html"), script: CARD_SCRIPT };

const STYLE: &str = include_str!("report.css");
/// Apache ECharts, built as `echarts/README.md` says.
const CHARTS: &str = include_str!("echarts.min.js");
const SCRIPT: &str = concat!(
    include_str!("js/start.js"),
    include_str!("js/format.js"),
    include_str!("js/dom.js"),
    include_str!("js/charts.js"),
    include_str!("js/summary.js"),
    include_str!("js/calendar.js"),
    include_str!("js/money.js"),
    include_str!("js/judgement.js"),
    include_str!("js/demand.js"),
    include_str!("js/stock.js"),
    include_str!("js/twin.js"),
    include_str!("js/sources.js"),
    include_str!("js/contents.js"),
    include_str!("js/finish.js"),
);
const TRADE_OFF_SCRIPT: &str = concat!(
    include_str!("js/start.js"),
    include_str!("js/format.js"),
    include_str!("js/dom.js"),
    include_str!("js/charts.js"),
    include_str!("js/contents.js"),
    include_str!("js/trade_off.js"),
);

const ANALYSIS_SCRIPT: &str = concat!(
    include_str!("js/start.js"),
    include_str!("js/format.js"),
    include_str!("js/dom.js"),
    include_str!("js/charts.js"),
    include_str!("js/forest.js"),
    include_str!("js/judgement.js"),
    include_str!("js/contents.js"),
    include_str!("js/analysis.js"),
);
const CARD_SCRIPT: &str = concat!(
    include_str!("js/start.js"),
    include_str!("js/format.js"),
    include_str!("js/dom.js"),
    include_str!("js/charts.js"),
    include_str!("js/forest.js"),
    include_str!("js/judgement.js"),
    include_str!("js/contents.js"),
    include_str!("js/card.js"),
);

const TRIAL_SCRIPT: &str = concat!(
    include_str!("js/start.js"),
    include_str!("js/format.js"),
    include_str!("js/dom.js"),
    include_str!("js/charts.js"),
    include_str!("js/forest.js"),
    include_str!("js/contents.js"),
    include_str!("js/trial.js"),
);

impl Page {
    /// Puts the page together around its data, a JSON text.
    pub fn assemble(&self, data: &str) -> String {
        let policy = format!(
            "default-src 'none'; script-src '{}' '{}'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
            source_hash(CHARTS),
            source_hash(self.script)
        );
        let data = inert(data);
        let parts =
            [("policy", &*policy), ("style", STYLE), ("data", &data), ("charts", CHARTS), ("script", self.script)];
        fill(self.template, &parts)
    }
}

/// Escapes a JSON text so that no parser of HTML or of scripts can see anything in it but text.
fn inert(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + json.len() / 16);
    for character in json.chars() {
        match character {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            other => text.push(other),
        }
    }
    text
}

/// Replaces each `{{name}}` of a template in one pass, so that what is put in is never read as template.
fn fill(template: &str, parts: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(template.len() + parts.iter().map(|(_, part)| part.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("Invariant: every {{ of the template is closed");
        let part = parts.iter().find(|(known, _)| *known == name).expect("Invariant: the template names known parts");
        page.push_str(before);
        page.push_str(part.1);
        rest = after;
    }
    page.push_str(rest);
    page
}

/// Returns the hash source of a script, as Content Security Policy Level 3 (W3C, section 2.3.1) writes it.
fn source_hash(script: &str) -> String {
    let digest = hash_bytes(script.as_bytes());
    let digits = digest.as_str().as_bytes();
    let nibble = |digit: u8| (digit as char).to_digit(16).expect("Invariant: a hash is hexadecimal") as u8;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect();
    format!("sha256-{}", base64(&bytes))
}

/// Writes bytes in base 64 (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, i| word << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= chunk.len() { digit as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_that_of_rfc_4648_section_10() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in cases {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn a_script_hash_is_that_of_the_specification() {
        // Example of Content Security Policy Level 3, section 2.3.1 and MDN's script-src page.
        assert_eq!(source_hash("var inline = 1;"), "sha256-B2yPHKaXnvFWtRChIbabYmUBFZdVfKKXHbWtWidDVF8=");
    }

    #[test]
    fn what_is_put_in_is_never_read_as_template() {
        assert_eq!(fill("<{{a}}|{{b}}>", &[("a", "{{b}}"), ("b", "x")]), "<{{b}}|x>");
    }

    #[test]
    fn scripts_cannot_close_their_own_element() {
        for script in [CHARTS, SCRIPT, TRADE_OFF_SCRIPT, ANALYSIS_SCRIPT, CARD_SCRIPT, TRIAL_SCRIPT] {
            assert!(!script.to_ascii_lowercase().contains("</script"));
            assert!(!script.contains("<!--"));
        }
    }
}
