/** GraphiQL in a real browser, from our own assets, under its strict policy. */
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser, Locator, Page } from 'playwright-core';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';

const minute = 60_000;
const chromiumPath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

describe('GraphiQL', () => {
  let program: Program;
  let browser: Browser;
  let page: Page;
  let removeDirectory: () => Promise<void>;
  const complaints: string[] = [];
  const foreign: string[] = [];

  beforeAll(async () => {
    if (!existsSync(chromiumPath))
      throw new Error(
        `this test needs Chromium at ${chromiumPath}: install the package "chromium" of your system, or set CHROMIUM_PATH`,
      );
    await ensureBuilt();
    const directory = await temporaryDirectory();
    removeDirectory = directory.remove;
    program = await startProgram(directory.path, { NORIGATE_ENGINE: 'memory' }).ready();
    browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', '--headless'] });
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== program.origin)
        foreign.push(request.url());
    });
    await page.goto(`${program.origin}/`);
    await page.waitForSelector('.graphiql-query-editor .view-line');
  }, 6 * minute);

  afterAll(async () => {
    await browser?.close();
    await program?.destroy();
    await removeDirectory?.();
  });

  /** Puts the operation into a tab of its own, which has its name as soon as GraphiQL has read it: until then it runs nothing. */
  async function openTab(name: string, query: string): Promise<void> {
    await page.click('button[aria-label="New tab"]');
    await page.click('.graphiql-query-editor .view-lines');
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText(query);
    await page.locator('[role=tab]', { hasText: name }).waitFor({ state: 'attached' });
  }

  const answerLine = (text: string): Locator => page.locator('.graphiql-response .view-line', { hasText: text });

  it(
    'opens with a tab for each pattern',
    async () => {
      const tabs = (await (await fetch(`${program.origin}/graphiql/tabs.json`)).json()) as { title: string }[];
      expect(tabs.map((each) => each.title)).toEqual([
        'counter',
        'cache',
        'cluster',
        'deduplication',
        'election',
        'event-stream',
        'inventory',
        'key-value',
        'rate-limit',
        'recommendation',
        'semantic-search',
        'session',
        'tenant',
        'vector',
      ]);
      expect(await page.locator('[role=tab]').count()).toBe(tabs.length);
    },
    minute,
  );

  it(
    'runs a mutation and shows its answer',
    async () => {
      await openTab(
        'Counts',
        'mutation Counts { incrementCounter(input: {name: "browser", by: 41}) { ... on IncrementCounterSuccess { value } } }',
      );
      await page.click('button[aria-label^="Execute query"]');
      await answerLine('"value": 41').waitFor();
      expect(await answerLine('errors').count()).toBe(0);
    },
    minute,
  );

  it(
    'shows a subscription change while it is open',
    async () => {
      await openTab('Watches', 'subscription Watches { counterChanged(name: "browser") { value } }');
      await page.click('button[aria-label^="Execute query"]');
      await answerLine('"value": 41').waitFor();
      await program.query('mutation { incrementCounter(input: {name: "browser"}) { __typename } }');
      await answerLine('"value": 42').waitFor();
      await page.click('button[aria-label^="Stop query"]');
    },
    minute,
  );

  it('fetches nothing from elsewhere, and the browser has nothing to complain about', () => {
    expect(foreign).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('serves no file outside its folder, and tells the browser to run nothing but its own', async () => {
    for (const path of [
      '/graphiql/../package.json',
      '/graphiql/%2e%2e/package.json',
      '/graphiql/..%2f..%2fpackage.json',
      '/graphiql/%00',
      '/graphiql/none.js',
    ])
      expect([path, (await fetch(`${program.origin}${path}`)).status]).toEqual([path, 404]);
    const policy = (await fetch(`${program.origin}/graphiql`)).headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
  });
});
