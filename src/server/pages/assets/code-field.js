// The field of a code: what is typed there, when it is sent, and when it isn't.

import { readCode } from './code.js';
import { sealedIn } from './link-token.js';
import { counted, text } from './texts.js';
import { complain, isBusy, work } from './view.js';

/**
 * Takes codes from a form's field. `challenge()` knows the code's length and charset, or nothing yet; `isReady()`
 * may complain of another field; `exchange(token)` tells whether the token was refused as wrong.
 */
export function takeCodes({ form, field, challenge, isReady = () => true, exchange }) {
  const format = () => ({ length: challenge()?.codeLength, charset: challenge()?.codeCharset });
  let refused = null;
  /** Whether the field has been filled from its start, in one go: a code that somebody corrects is sent when they say so. */
  let isFresh = true;
  let isReplaced = false;

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const { value } = field;
    const [token, link] = [readCode(value, format()), sealedIn(value)];
    // Digits send themselves, so that whoever presses Enter after the last one would lose an attempt.
    if (value === refused) return field.focus();
    if (!isReady()) return undefined;
    if (!link && token === '') return complain(text('enter_code_first'), field);
    if (!link && !hasLength(token)) {
      return complain(counted(`length_in_${units()}`, format().length), field);
    }
    return work(async () => {
      if (await exchange(link && !isWhole(token) ? link : token)) refused = value;
    });
  });

  field.addEventListener('beforeinput', () => {
    isReplaced = field.selectionStart === 0 && field.selectionEnd === field.value.length;
  });

  field.addEventListener('input', ({ inputType, isComposing }) => {
    refused = null;
    if (isReplaced || field.value === '') isFresh = true;
    isReplaced = false;
    const isCode = isNumeric() && isWhole(readCode(field.value, format()));
    if (isCode && isFresh && !isComposing && !isBusy()) form.requestSubmit();
    // What was sent, or pasted and is no code, can only be corrected.
    if (isCode || inputType?.startsWith('insertFrom')) isFresh = false;
  });

  const isNumeric = () => format().charset === 'numeric';
  const isWhole = (token) => [...token].length === format().length;
  const hasLength = (token) => !format().length || isWhole(token);
  const units = () => (isNumeric() ? 'digits' : 'characters');

  /** Empties the field, and makes it and its label fit the format. */
  return function prepare() {
    const { length, charset } = format();
    refused = null;
    form.querySelector(`label[for=${field.id}]`).textContent = length ? counted(`code_of_${units()}`, length) : text('code');
    field.inputMode = isNumeric() || !charset ? 'numeric' : 'text';
    field.autocapitalize = charset === 'base20' ? 'characters' : 'off';
    field.classList.toggle('long', length > 10);
    field.classList.toggle('slots', charset === 'numeric' && length <= 8);
    field.style.setProperty('--places', length);
    isFresh = true;
    field.value = '';
  };
}
