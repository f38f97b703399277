import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const skipped = ['node_modules', '.git', '.setup', '.limber', 'results'];

function pagesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.includes(entry.name) ? [] : pagesUnder(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

const withoutCode = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '');

/** The anchors that a Markdown page's headings get: lower case, punctuation gone, blanks as hyphens. */
function anchorsOf(page: string): string[] {
  const headings = withoutCode(readFileSync(page, 'utf8')).matchAll(/^#{1,6} (.+)$/gm);
  return [...headings].map(([, text = '']) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function brokenLinks(page: string): string[] {
  const links = withoutCode(readFileSync(page, 'utf8')).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g);
  return [...links].flatMap(([, link = '']) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : join(dirname(page), path);
    const isThere = existsSync(target) && (!anchor || anchorsOf(target).includes(anchor));
    return isThere ? [] : [`${relative(root, page)}: ${link}`];
  });
}

const pages = pagesUnder(root);

describe('the documents', () => {
  it('link only to what is there', () => {
    assert.ok(pages.length > 10);
    assert.deepEqual(pages.flatMap(brokenLinks), []);
  });

  it('are all reached by links from README.md', () => {
    const reached = new Set([join(root, 'README.md')]);
    for (const page of reached)
      for (const [, link = ''] of readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g)) {
        const target = join(dirname(page), link);
        const index = existsSync(join(target, 'README.md')) ? join(target, 'README.md') : target;
        if (pages.includes(index)) reached.add(index);
      }
    assert.deepEqual(
      pages.filter((page) => !reached.has(page)).map((page) => relative(root, page)),
      [],
    );
  });

  it('give every dependency of package.json a line of its own', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
      string,
      object | undefined
    >;
    const kinds = ['dependencies', 'optionalDependencies', 'devDependencies'];
    const page = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
    const missing = kinds
      .flatMap((kind) => Object.keys(manifest[kind] ?? {}))
      .filter((name) => !page.includes(`\`${name}\``));
    assert.deepEqual(missing, []);
  });
});
