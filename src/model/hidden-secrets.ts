/** What an engine wrote, printable. Engines quote the line of the config file that they reject, and it may be the one with a password. */
export function withoutSecrets(text: string): string {
  return text
    .replace(
      /\b(masterauth|primaryauth|requirepass|tls-(?:client-)?key-file-pass)\b(["']?\s+).*/gi,
      '$1$2[hidden]',
    )
    .replace(/([\s"'])[><#!][^\s"']{8,}/g, '$1[hidden]') // passwords and their hashes in access rules
    .replace(/[0-9a-f]{64,}/gi, '[hidden]')
    .replace(/\t/g, ' ')
    .replace(/[^\P{C}\n]/gu, '');
}
