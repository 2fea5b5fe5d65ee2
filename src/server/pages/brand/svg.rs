//! Whether an SVG is a picture and nothing else: it runs no script, and names nothing outside of itself.
//!
//! A page shows it in an `<img>`, where browsers run no scripts, and it is served under a policy of its own. But whoever opens
//! its address reads it as a document of this origin, so what it holds is judged once, when the configuration is read: elements
//! and schemes are those that are known to be harmless, not all but those known to be dangerous.

use std::fmt::Write as _;

use roxmltree::{Attribute, Document, Node, NodeType, ParsingOptions};

const SVG: &str = "http://www.w3.org/2000/svg";
const XLINK: &str = "http://www.w3.org/1999/xlink";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Elements that only draw or describe: <https://www.w3.org/TR/SVG2/eltindex.html> without `a`, `script`, `foreignObject` and
/// what plays media, and filters (<https://www.w3.org/TR/filter-effects-1/>).
const DRAWING: &[&str] = &[
    "animate",
    "animateMotion",
    "animateTransform",
    "circle",
    "clipPath",
    "defs",
    "desc",
    "ellipse",
    "feBlend",
    "feColorMatrix",
    "feComponentTransfer",
    "feComposite",
    "feConvolveMatrix",
    "feDiffuseLighting",
    "feDisplacementMap",
    "feDistantLight",
    "feDropShadow",
    "feFlood",
    "feFuncA",
    "feFuncB",
    "feFuncG",
    "feFuncR",
    "feGaussianBlur",
    "feImage",
    "feMerge",
    "feMergeNode",
    "feMorphology",
    "feOffset",
    "fePointLight",
    "feSpecularLighting",
    "feSpotLight",
    "feTile",
    "feTurbulence",
    "filter",
    "g",
    "image",
    "line",
    "linearGradient",
    "marker",
    "mask",
    "metadata",
    "mpath",
    "path",
    "pattern",
    "polygon",
    "polyline",
    "radialGradient",
    "rect",
    "set",
    "stop",
    "style",
    "svg",
    "switch",
    "symbol",
    "text",
    "textPath",
    "title",
    "tspan",
    "use",
    "view",
];

/// How the namespaces start of what drawing programs write for themselves; browsers do nothing with it.
const NOTES: &[&str] = &[
    "http://www.inkscape.org/namespaces/",
    "http://sodipodi.sourceforge.net/DTD/",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://creativecommons.org/ns#",
    "http://web.resource.org/cc/",
    "http://purl.org/dc/",
    "http://ns.adobe.com/",
    "http://www.bohemiancoding.com/sketch/",
    "http://www.serif.com/",
    "http://www.figma.com/",
    "http://vectornator.io",
];

/// What else in CSS names something to load, or names it in a way that only CSS can read.
const LOADING: &[&str] =
    &["@import", "@namespace", "image-set(", "image(", "src(", "cross-fade(", "expression(", "-moz-binding", "\\"];

/// Judges it.
///
/// # Errors
/// What makes it more than a picture, with the line.
pub(super) fn judge(text: &str) -> Result<(), String> {
    judge_encoding(text)?;
    let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => "has a <!DOCTYPE>, which can define what the rest means: delete it".into(),
        error => format!("is neither a PNG nor an SVG: {error}"),
    })?;
    let root = document.root_element();
    if !root.has_tag_name((SVG, "svg")) {
        return Err(format!("must start with <svg xmlns=\"{SVG}\">"));
    }
    for node in document.root().descendants() {
        if let Err(reason) = judge_node(node) {
            return Err(format!("line {}: {reason}", document.text_pos_at(node.range().start).row));
        }
    }
    Ok(())
}

/// A reader that believes in another encoding than UTF-8 could read other elements than were judged.
fn judge_encoding(text: &str) -> Result<(), String> {
    let text = text.trim_start_matches('\u{feff}');
    let Some(declaration) = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map(|(declaration, _)| declaration)
    else {
        return Ok(());
    };
    let declaration = declaration.to_ascii_lowercase();
    match declaration.split_once("encoding") {
        Some((_, encoding)) if !encoding.contains("utf-8") => Err("says that it is encoded otherwise than in UTF-8".into()),
        _ => Ok(()),
    }
}

fn judge_node(node: Node<'_, '_>) -> Result<(), String> {
    match node.node_type() {
        NodeType::PI => Err(format!("<?{}> can load a stylesheet: delete it", node.pi().map_or("", |pi| pi.target))),
        NodeType::Element => judge_element(node),
        NodeType::Root | NodeType::Comment | NodeType::Text => Ok(()),
    }
}

fn judge_element(element: Node<'_, '_>) -> Result<(), String> {
    let name = element.tag_name();
    match name.namespace() {
        Some(SVG) if DRAWING.contains(&name.name()) => {}
        Some(SVG) => return Err(format!("<{}> is nothing that a logo may hold", name.name())),
        Some(notes) if NOTES.iter().any(|start| notes.starts_with(start)) => {}
        Some(other) => return Err(format!("<{}> is of {other}, and not of SVG: export it as plain SVG", name.name())),
        None => return Err(format!("<{}> is of no namespace", name.name())),
    }
    for attribute in element.attributes() {
        judge_attribute(attribute).map_err(|reason| format!("<{}> has {}, {reason}", name.name(), shown(attribute)))?;
    }
    if element.has_tag_name((SVG, "style")) {
        let css: String = element.descendants().filter(Node::is_text).filter_map(|text| text.text()).collect();
        judge_css(&css).map_err(|reason| format!("<style> has {reason}"))?;
    }
    Ok(())
}

fn judge_attribute(attribute: Attribute<'_, '_>) -> Result<(), String> {
    let (name, value) = (attribute.name().to_ascii_lowercase(), attribute.value());
    match attribute.namespace() {
        // What drawing programs note.
        Some(namespace) if namespace != XLINK && namespace != XML => return Ok(()),
        Some(XML) if name == "base" => return Err("which turns what other attributes name".into()),
        _ => {}
    }
    if name.starts_with("on") {
        return Err("which is a script".into());
    }
    match &*name {
        "href" | "src" if !value.trim_start().starts_with('#') => {
            return Err("which leads outside: only a fragment (#name) of the file itself may be named".into());
        }
        "attributename" => {
            let animated = value.trim().rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
            if animated.starts_with("on") || matches!(&*animated, "href" | "src" | "base" | "style") {
                return Err("which can be led outside".into());
            }
        }
        _ => {}
    }
    judge_css(value).map_err(|reason| format!("which has {reason}"))
}

/// Every attribute is judged as if it were CSS, since many are.
fn judge_css(css: &str) -> Result<(), String> {
    let css = css.to_ascii_lowercase();
    if let Some(loading) = LOADING.iter().find(|loading| css.contains(*loading)) {
        return Err(format!("{loading} in it"));
    }
    for rest in css.split("url(").skip(1) {
        let named = rest.trim_start().trim_start_matches(['"', '\'']).trim_start();
        if !named.starts_with('#') {
            return Err("a url() that leads outside: only a fragment (#name) of the file itself may be named".into());
        }
    }
    Ok(())
}

/// An attribute as it stands there, but short.
fn shown(attribute: Attribute<'_, '_>) -> String {
    const MOST: usize = 40;
    let prefix = if attribute.namespace() == Some(XLINK) { "xlink:" } else { "" };
    let mut shown = format!("{prefix}{}=\"", attribute.name());
    shown.extend(attribute.value().chars().take(MOST).map(|character| if character.is_control() { ' ' } else { character }));
    let end = if attribute.value().chars().nth(MOST).is_some() { "…\"" } else { "\"" };
    let _ = shown.write_str(end);
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn svg(inside: &str) -> String {
        format!(
            r#"<svg xmlns="{SVG}" xmlns:xlink="{XLINK}" xmlns:h="http://www.w3.org/1999/xhtml" xmlns:s="{SVG}" viewBox="0 0 9 9">{inside}</svg>"#
        )
    }

    #[test]
    fn pictures_are_pictures() {
        for inside in [
            r##"<defs><linearGradient id="a"><stop offset="0" stop-color="#fff"/></linearGradient></defs><path fill="url(#a)" d="M0 0"/>"##,
            r##"<style>.a{fill:url( "#a" )} @media (prefers-color-scheme:dark){.a{fill:#fff}}</style><g class="a"><use href="#b"/></g>"##,
            r##"<use xlink:href="#b"/><s:rect width="1" height="1" style="clip-path:url(#c)"/>"##,
            r"<title>Example &amp; sons</title><desc>url(not css) https://example.com/</desc><!-- https://example.com/ -->",
            r#"<circle r="1"><animate attributeName="opacity" from="0" to="1" dur="1s"/></circle>"#,
            r#"<metadata><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:li r:resource="http://example.com/"/></r:RDF></metadata>"#,
            r#"<g xmlns:i="http://www.inkscape.org/namespaces/inkscape" i:export-filename="C:\logo.png"/>"#,
            r#"<text font-family="Inter, sans-serif">on&#108;oad=</text>"#,
        ] {
            assert_eq!(judge(&svg(inside)), Ok(()), "{inside}");
        }
        assert_eq!(judge(&format!("\u{feff}<?xml version='1.0' encoding='UTF-8' standalone='no'?>\n{}", svg(""))), Ok(()));
        assert_eq!(judge(include_str!("../assets/icon.svg")), Ok(()));
    }

    /// A named way each in which an SVG runs a script or loads something.
    #[test]
    fn what_runs_or_loads_is_refused_with_its_line() {
        for (attack, inside) in [
            ("script", "<script>alert(1)</script>"),
            ("script by reference", r#"<script href="https://evil.example/x.js"/>"#),
            ("script under a prefix", "<s:script>alert(1)</s:script>"),
            ("script of XHTML", "<h:script>alert(1)</h:script>"),
            ("script in another case", "<SCRIPT>alert(1)</SCRIPT>"),
            ("script of no namespace", r#"<script xmlns="">alert(1)</script>"#),
            ("handler", r#"<g onload="alert(1)"/>"#),
            ("handler of an animation", r#"<animate attributeName="x" onbegin="alert(1)"/>"#),
            ("handler in another case", r#"<g ONLOAD="alert(1)"/>"#),
            ("foreign object", "<foreignObject><h:body/></foreignObject>"),
            ("frame", r#"<h:iframe src="https://evil.example"/>"#),
            ("form", r#"<h:form action="https://evil.example"/>"#),
            ("link", r#"<a href="https://evil.example">x</a>"#),
            ("script link", r#"<a xlink:href="javascript:alert(1)">x</a>"#),
            ("outside image", r#"<image href="https://evil.example/x.png"/>"#),
            ("image without a scheme", r#"<image href="//evil.example/x.png"/>"#),
            ("image beside it", r#"<image href="x.png"/>"#),
            ("old link to an image", r#"<image xlink:href="https://evil.example/x.png"/>"#),
            ("image in the file", r#"<image href="data:image/svg+xml,&lt;svg/&gt;"/>"#),
            ("use of another file", r#"<use href="https://evil.example/x.svg#a"/>"#),
            ("use of a data URL", r#"<use href="data:image/svg+xml;base64,AAAA#a"/>"#),
            ("use behind white space", "<use href=\" \t\nhttps://evil.example/#a\"/>"),
            ("entity that spells a scheme", r#"<use href="&#104;ttps://evil.example/x.svg"/>"#),
            ("empty link", r#"<use href=""/>"#),
            ("filter's image", r#"<filter><feImage href="https://evil.example/x.png"/></filter>"#),
            ("text along another file", r#"<textPath href="https://evil.example/x.svg#a">x</textPath>"#),
            ("outside fill", r#"<path fill="url(https://evil.example/x.svg#a)"/>"#),
            ("outside fill in quotes", r#"<path fill="URL( 'https://evil.example/x.svg#a')"/>"#),
            ("escaped url()", r#"<path fill="\75rl(https://evil.example/x.svg#a)"/>"#),
            ("outside style", r#"<path style="fill:red;mask:url(//evil.example/x.svg#a)"/>"#),
            ("cursor", r#"<g cursor="url(https://evil.example/x.cur), auto"/>"#),
            ("image-set", r#"<g style="cursor:image-set('https://evil.example/x' 1x)"/>"#),
            ("import", "<style>@import 'https://evil.example/x.css';</style>"),
            ("import in another case", "<style>@ImPoRt url(x.css);</style>"),
            ("import in CDATA", "<style><![CDATA[@import 'x.css';]]></style>"),
            ("escaped import", r"<style>@\69mport 'https://evil.example/x.css';</style>"),
            ("font", "<style>@font-face{font-family:a;src:url(https://evil.example/x.woff2)}</style>"),
            ("one of two urls", "<style>a{fill:url(#a)} b{fill:url(https://evil.example/#b)}</style>"),
            ("style in pieces", "<style>a{fill:u<!-- -->rl(https://evil.example/#b)}</style>"),
            ("animated link", r##"<use href="#a"><animate attributeName="href" to="#b"/></use>"##),
            ("animated old link", r##"<use href="#a"><set attributeName="xlink:href" to="https://evil.example/"/></use>"##),
            ("animated handler", r#"<g><set attributeName="onload" to="alert(1)"/></g>"#),
            ("animated fill", r#"<g><animate attributeName="fill" values="red;url(https://evil.example/#a)"/></g>"#),
            ("base", r##"<g xml:base="https://evil.example/"><use href="#a"/></g>"##),
            ("stylesheet instruction", r#"<?xml-stylesheet href="https://evil.example/x.css"?>"#),
            ("video", r#"<video href="https://evil.example/x.mp4"/>"#),
            ("namespace of its own", r#"<x:y xmlns:x="https://evil.example/"/>"#),
            ("MathML", r#"<m:maction xmlns:m="http://www.w3.org/1998/Math/MathML"/>"#),
        ] {
            let reason = judge(&svg(&format!("\n{inside}"))).expect_err(attack);
            assert!(reason.starts_with("line 2: "), "{attack}: {reason}");
            assert!(!reason.contains('\n') && reason.chars().count() < 200, "{attack}: {reason}");
        }
    }

    #[test]
    fn what_surrounds_the_picture_is_judged_too() {
        for (attack, text) in [
            ("doctype", format!("<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"x\">{}", svg(""))),
            ("entities", format!("<!DOCTYPE svg [<!ENTITY x \"y\">]>{}", svg("&x;"))),
            ("instruction before it", format!("<?xml-stylesheet href='https://evil.example/x.css'?>{}", svg(""))),
            ("instruction after it", format!("{}<?xml-stylesheet href='https://evil.example/x.css'?>", svg(""))),
            ("another encoding", format!("<?xml version='1.0' encoding='ISO-2022-JP'?>{}", svg(""))),
            ("UTF-7", format!("<?xml version='1.0' encoding=\"UTF-7\"?>{}", svg(""))),
            ("two roots", format!("{0}{0}", svg(""))),
            ("HTML", "<html><script>alert(1)</script></html>".into()),
            ("XHTML", "<html xmlns='http://www.w3.org/1999/xhtml'/>".into()),
            ("no namespace", "<svg><rect/></svg>".into()),
            ("cut off", "<svg xmlns='http://www.w3.org/2000/svg'><g>".into()),
            ("entity of nowhere", svg("&evil;")),
            ("duplicate attribute", svg(r##"<use href="#a" href="https://evil.example/"/>"##)),
            ("handler of the root", format!("<svg xmlns='{SVG}' onload='alert(1)'/>")),
            ("nothing", String::new()),
        ] {
            assert!(judge(&text).is_err(), "{attack}");
        }
    }

    /// As many levels as 64 KiB hold.
    #[test]
    fn depth_and_width_are_no_danger() {
        for text in [svg(&format!("{}{}", "<g>".repeat(9_000), "</g>".repeat(9_000))), svg(&"<g/>".repeat(16_000))] {
            let _ = judge(&text);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", inside in "[<>/a-zA-Z:=\"'#&;() ]{0,80}") {
            let _ = judge(&text);
            let _ = judge(&svg(&inside));
        }

        /// Whatever stands around it, and however it is written.
        #[test]
        fn a_link_that_leads_outside_is_never_accepted(
            before in "(<g>)?", name in "(href|xlink:href|HREF|src)", space in "[ \t\n]{0,3}",
            target in "(https?:|//|data:|javascript:|/|\\.|[a-z]|%23)[a-z/#:]{0,12}", quote in "[\"']",
        ) {
            let end = if before.is_empty() { "" } else { "</g>" };
            let text = svg(&format!("{before}<use {name}={quote}{space}{target}{quote}/>{end}"));
            prop_assert!(judge(&text).is_err(), "{}", text);
        }

        #[test]
        fn a_url_that_leads_outside_is_never_accepted(
            property in "(fill|style|mask|cursor|values)", word in "(url|URL|uRl)", space in "[ \n]{0,2}", quote in "['\"]?",
            target in "(https?:|//|data:|/|\\.|[a-z]|%23)[a-z/:]{0,12}",
        ) {
            let text = svg(&format!("<g {property}=\"a:{word}({space}{}{target})\"/>", quote.replace('"', "&quot;")));
            prop_assert!(judge(&text).is_err(), "{}", text);
        }
    }
}
