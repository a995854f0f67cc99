//! What a visitor sees.

/// The form, and above it what has just happened, if anything has.
pub(crate) fn form(notice: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Sign up</title>\
         <style>body{{font:1.1rem/1.6 system-ui;max-width:26rem;margin:4rem auto;padding:0 1rem}}\
         label,input,button{{display:block;width:100%;box-sizing:border-box;font:inherit}}\
         input{{margin:.2rem 0 1rem;padding:.5rem}}button{{padding:.6rem}}</style>\
         <h1>Sign up</h1><p role=status>{notice}</p>\
         <form method=post action=/sign-up>\
         <label>First name <input name=first_name autocomplete=given-name></label>\
         <label>E-mail <input name=email type=email required autocomplete=email></label>\
         <button>Sign up</button></form>"
    )
}

/// Text that a visitor typed, as part of a page.
pub(crate) fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut page, character| {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            _ => page.push(character),
        }
        page
    })
}
