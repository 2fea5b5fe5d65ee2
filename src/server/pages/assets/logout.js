// The page that signs out: a form, and the menu of languages.

import { restoreTyped } from './language.js';

restoreTyped();
