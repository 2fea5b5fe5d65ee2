// What is said, in the language of the page: the document carries its texts.

const { lang } = document.documentElement;
const texts = JSON.parse(document.getElementById('texts').content.textContent);
// Digits as in the codes and addresses beside them.
const locale = `${lang}-u-nu-latn`;
const plural = new Intl.PluralRules(locale);
const relative = new Intl.RelativeTimeFormat(locale);

/** The language of the page, a BCP 47 tag. */
export const language = lang;

/** A text, with its blanks filled in. */
export function text(name, values = {}) {
  return fill(texts[name], values);
}

/** A text with a number. */
export function counted(name, n) {
  const forms = texts[name];
  return fill(forms[plural.select(n)] ?? forms.other, { n });
}

/** "in 42 seconds", "in 3 minutes". */
export function later(seconds = 0) {
  if (seconds <= 0) return texts.soon;
  return seconds < 100 ? relative.format(seconds, 'second') : relative.format(Math.ceil(seconds / 60), 'minute');
}

/** A moment, as people write it. */
export function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString(locale);
}

/** The host of an address, as people know it. */
export function named(address) {
  return new URL(address).host;
}

/** Says a text in an element, and names a recipient in it: always from left to right, and apart from the words around. */
export function tell(element, name, recipient) {
  const [before, after] = texts[name].split('{recipient}');
  const named = document.createElement('strong');
  named.dir = 'ltr';
  const [local, ...domain] = recipient.trim().split(/(?=@)/);
  // Where a line is too short for an address, it is broken before its domain.
  named.append(local, document.createElement('wbr'), ...domain);
  element.replaceChildren(before, named, after);
}

function fill(form, values) {
  return form.replace(/\{(\w+)\}/g, (blank, name) => values[name] ?? blank);
}
