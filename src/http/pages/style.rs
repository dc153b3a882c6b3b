//! The style of pages: the colours of a site, and the rules that all pages share.

use std::sync::LazyLock;

use crate::model::Color;
use crate::settings::SiteRules;

/// Rules that all pages share.
const IDENTITY: &str = include_str!("identity.css");

/// WCAG 2.2, 1.4.3 (level AA): text against its background.
const MIN_CONTRAST: f64 = 4.5;
/// Thin light text on a dark background is harder to read than the ratio says.
const MIN_DARK_CONTRAST: f64 = 6.0;

/// The backgrounds of one colour scheme, and the contrast of the accent colour in texts.
struct Scheme {
    ground: Color,
    card: Color,
    contrast: f64,
}

const LIGHT: Scheme = Scheme { ground: Color::new(0xf2, 0xf5, 0xf1), card: Color::WHITE, contrast: MIN_CONTRAST };
const DARK: Scheme =
    Scheme { ground: Color::new(0x0e, 0x13, 0x11), card: Color::new(0x18, 0x1f, 0x1c), contrast: MIN_DARK_CONTRAST };

/// The style of a site: its colours, the shared rules, and those of a kind of page.
pub fn style_of(site: &SiteRules, rules: &str) -> String {
    let accent = site.accent_color;
    let scheme = |Scheme { ground, card, contrast }: &Scheme| {
        let text = accent.with_contrast(*contrast, &[*ground, *card]);
        format!("--ground: {ground}; --card: {card}; --accent-text: {text};")
    };
    let on_accent = accent.text_color();
    let (light, dark) = (scheme(&LIGHT), scheme(&DARK));
    format!(
        ":root {{ --accent: {accent}; --on-accent: {on_accent}; {light} }}\n\
         @media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n{IDENTITY}{rules}"
    )
}

/// The colours and shared rules of this project, for its own pages.
pub fn project_style() -> &'static str {
    static STYLE: LazyLock<String> = LazyLock::new(|| style_of(&SiteRules::with_name(""), ""));
    &STYLE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The colours that `identity.css` adds, by scheme.
    fn colors_of(part: &str) -> Vec<(&str, Color)> {
        let declarations = part.split(';').filter_map(|declaration| declaration.split_once("--")?.1.split_once(": "));
        declarations.filter_map(|(name, value)| Some((name, Color::parse(value.trim())?))).collect()
    }

    #[test]
    fn texts_are_readable_and_controls_are_visible_in_both_color_schemes() {
        let (light, dark) = IDENTITY.split_once("@media (prefers-color-scheme: dark)").expect("two schemes");
        for (rules, Scheme { ground, card, .. }) in
            [(light, LIGHT), (dark.split_once("\n}\n").expect("an end").0, DARK)]
        {
            let colors = colors_of(rules);
            let color = |name| colors.iter().find(|(known, _)| *known == name).expect(name).1;
            for background in [ground, card, color("code")] {
                for name in ["ink", "soft", "bad", "good", "key"] {
                    let contrast = color(name).contrast(background);
                    assert!(contrast >= MIN_CONTRAST, "{name} on {background}: {contrast:.2}");
                }
                // WCAG 2.2, 1.4.11: the border of a control.
                assert!(color("line").contrast(background) >= 3.0, "line on {background}");
            }
            assert!(color("bad").contrast(color("bad-ground")) >= MIN_CONTRAST);
        }
    }

    #[test]
    fn a_pale_or_dark_accent_is_adjusted_for_texts_and_kept_for_buttons() {
        for (accent, on_accent) in [("#ffee00", "#000000"), ("#101020", "#ffffff"), ("#0b6b4f", "#ffffff")] {
            let site = SiteRules { accent_color: Color::parse(accent).expect("a colour"), ..SiteRules::with_name("x") };
            let style = style_of(&site, "");
            assert!(style.contains(&format!("--accent: {accent}; --on-accent: {on_accent};")), "{style}");
            let texts: Vec<Color> = style
                .split("--accent-text: ")
                .skip(1)
                .filter_map(|rest| Color::parse(rest.split(';').next().unwrap_or_default()))
                .collect();
            let [light, dark] = texts[..] else { panic!("a colour for each scheme: {texts:?}") };
            assert!(light.contrast(LIGHT.ground) >= MIN_CONTRAST && dark.contrast(DARK.card) >= MIN_CONTRAST);
        }
    }
}
