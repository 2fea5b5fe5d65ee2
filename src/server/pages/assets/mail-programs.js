// Where people of well-known domains read their mail.

const PROGRAMS = [
  ['Gmail', 'https://mail.google.com/mail/', ['gmail.com', 'googlemail.com']],
  ['Outlook', 'https://outlook.live.com/mail/', ['outlook.com', 'hotmail.com', 'live.com', 'msn.com', 'outlook.de', 'hotmail.de',
    'live.de', 'outlook.fr', 'hotmail.fr', 'live.fr', 'outlook.es', 'hotmail.es', 'outlook.it', 'hotmail.it', 'live.it',
    'outlook.pt', 'outlook.com.br', 'outlook.jp', 'hotmail.co.jp', 'hotmail.co.uk', 'live.co.uk']],
  ['Yahoo Mail', 'https://mail.yahoo.com/', ['yahoo.com', 'ymail.com', 'rocketmail.com', 'yahoo.de', 'yahoo.fr', 'yahoo.es', 'yahoo.it',
    'yahoo.com.br', 'yahoo.co.uk']],
  ['Yahoo!メール', 'https://mail.yahoo.co.jp/', ['yahoo.co.jp']],
  ['iCloud Mail', 'https://www.icloud.com/mail/', ['icloud.com', 'me.com', 'mac.com']],
  ['Proton Mail', 'https://mail.proton.me/', ['proton.me', 'protonmail.com', 'pm.me']],
  ['Fastmail', 'https://app.fastmail.com/', ['fastmail.com', 'fastmail.fm']],
  ['GMX', 'https://www.gmx.net/', ['gmx.de', 'gmx.net', 'gmx.at', 'gmx.ch']],
  ['WEB.DE', 'https://web.de/', ['web.de']],
  ['AOL Mail', 'https://mail.aol.com/', ['aol.com']],
];

/** The program's name and address, for an address whose domain is known here. */
export function mailProgramOf(address) {
  const domain = address.trim().toLowerCase().split('@')[1];
  const found = PROGRAMS.find(([, , domains]) => domains.includes(domain));
  return found && { name: found[0], href: found[1] };
}
