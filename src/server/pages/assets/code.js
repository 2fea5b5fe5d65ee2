// What people type and paste into the field of a code.

const ALPHABETS = { numeric: '0123456789', base20: 'BCDFGHJKLMNPQRSTVWXZ' };
const UNSEEN = /[\p{Cf}\p{M}\p{Default_Ignorable_Code_Point}]/u;
const WORD = '[\\p{L}\\p{N}]';
const SPACE = /[\s\p{Z}\p{Cc}\p{Dash}]/u;

/**
 * The code in a text. "123 456", "１２３４５６", "١٢٣٤٥٦" and "Your code is 123456. It is valid for 10 minutes." are all
 * 123456. Where no code of this length stands out, it is whatever the text holds, for somebody else to refuse.
 */
export function readCode(typed, { length, charset }) {
  const alphabet = ALPHABETS[charset] ?? charset ?? '';
  const text = plain(typed, alphabet, charset === 'base20');
  const joined = text.replaceAll(' ', '');
  const isWhole = [...joined].length === length && [...joined].every((character) => alphabet.includes(character));
  if (isWhole || !alphabet) return joined;
  const one = `[${alphabet.replace(/[\]\\^-]/g, '\\$&')}]+`;
  const groups = [...text.matchAll(new RegExp(`(?<!${WORD})${one}(?: ${one})*(?!${WORD})`, 'gu'))].map(([group]) => group.split(' '));
  const only = (found) => {
    const fitting = new Set(found.filter((word) => [...word].length === length));
    return fitting.size === 1 ? [...fitting][0] : undefined;
  };
  return only(groups.flat()) ?? only(groups.map((group) => group.join('')))
    ?? (charset === 'numeric' ? text.replace(/[^0-9]/g, '') : joined);
}

/** Only white space is left between the characters, as one space, and digits and full-width forms are ASCII. */
function plain(typed, alphabet, ignoresCase) {
  let text = '';
  for (const character of typed) {
    if (alphabet.includes(character)) text += character;
    else if (SPACE.test(character)) text += ' ';
    else if (!UNSEEN.test(character)) text += [...character.normalize('NFKC')].map(digit).join('');
  }
  return (ignoresCase ? text.toUpperCase() : text).replace(/ +/g, ' ').trim();
}

/** Decimal digits come in tens, of every script. */
function digit(character) {
  if (!/\p{Nd}/u.test(character)) return character;
  const at = character.codePointAt(0);
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(at - before - 1))) before += 1;
  return String(before % 10);
}
