/** Text of XML 1.0 elements. */

const special = /[&<>"\r]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: one test for everything that needs work
const suspect = /[&<>"\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  // A parser turns a bare carriage return into a line feed.
  '\r': '&#xD;',
};

/** Characters that XML 1.0 cannot hold at all become U+FFFD, so that one odd byte never spoils a whole answer. */
export function escapeXml(text: string): string {
  if (!suspect.test(text)) return text;
  const clean = text.toWellFormed().replace(forbidden, '\ufffd');
  return special.test(clean) ? clean.replace(/[&<>"\r]/g, (character) => entities[character]!) : clean;
}
