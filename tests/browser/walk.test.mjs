// The main job as its users meet it: a developer registers an app; a member connects the sample app, signs in with an
// emailed code, agrees, reads her claims, sees that it happened, and stops it. With JavaScript on and off, at 320 and
// 1280 pixels, in English and Spanish, with an accessibility check on every page.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startBrowser, startDemo } from './demo.mjs'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const SHOTS = process.env.INGLE_SCREENSHOTS

let demo
let browser

before(async () => {
  demo = await startDemo()
  browser = await startBrowser()
})

after(async () => {
  await browser?.close()
  demo?.stop()
})

/** A page that checks itself wherever it goes. */
async function visitor({ javaScriptEnabled = true, width = 1280, locale = 'en-US' }) {
  const context = await browser.newContext({ javaScriptEnabled, locale, viewport: { width, height: 900 } })
  const page = await context.newPage()
  const label = `${width}-${locale.slice(0, 2)}-${javaScriptEnabled ? 'js' : 'nojs'}`
  let shots = 0
  return {
    page,
    context,
    /** Accessibility, reflow, language, one heading: what must hold on every page. */
    async check(name) {
      if (SHOTS) {
        mkdirSync(SHOTS, { recursive: true })
        await page.screenshot({ path: join(SHOTS, `${label}-${String(++shots).padStart(2, '0')}-${name}.png`), fullPage: true })
      }
      const own = page.url().startsWith(demo.base)
      assert.equal(await page.locator('h1').count(), 1, `${name}: one main heading`)
      if (own) assert.equal(await page.locator('html').getAttribute('lang'), locale.slice(0, 2), `${name}: language`)
      const box = await page.locator('html').boundingBox()
      assert.ok(box.width <= width + 1, `${name}: ${box.width} px wide at ${width}`)
      if (javaScriptEnabled) {
        // From the tester's side: the pages' own policy allows no script that is not theirs.
        const session = await context.newCDPSession(page)
        await session.send('Page.enable')
        const { frameTree } = await session.send('Page.getFrameTree')
        const { executionContextId: contextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id })
        await session.send('Runtime.evaluate', { expression: axe, contextId })
        const run = "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then((r) => JSON.stringify(r.violations.map((v) => [v.id, v.nodes.map((n) => n.target.join(' '))])))"
        const { result } = await session.send('Runtime.evaluate', { expression: run, contextId, awaitPromise: true })
        assert.equal(result.value, '[]', `${name}: accessibility`)
        await session.detach()
      }
    },
  }
}

async function signIn({ page, check }, address) {
  await page.fill('input[name=address]', address)
  await Promise.all([page.waitForURL(/.*/), page.click('main form button >> nth=0')])
  await page.waitForSelector('input[name=code]')
  await check('code')
  const code = await demo.code(address)
  // As people type it from a letter: with a space in the middle.
  await page.fill('input[name=code]', `${code.slice(0, 3)} ${code.slice(3)}`)
  await page.click('form:has(input[name=code]) button')
}

async function connect(someone, address) {
  const { page, check } = someone
  await page.goto(demo.sample)
  await check('sample-start')
  await page.click('a[href="/connect"]')
  await page.waitForSelector('input[name=address]')
  await check('login')
  await signIn(someone, address)
  await page.waitForSelector('button[value=share]')
  await check('consent')
}

for (const setting of [
  { javaScriptEnabled: true, width: 1280 },
  { javaScriptEnabled: false, width: 1280 },
  { javaScriptEnabled: true, width: 320, locale: 'es-US' },
]) {
  const name = `${setting.width} px, ${setting.locale ?? 'en-US'}, JavaScript ${setting.javaScriptEnabled ? 'on' : 'off'}`
  test(`a member connects an app, reads, and stops sharing (${name})`, async () => {
    const someone = await visitor(setting)
    const { page, check } = someone
    await connect(someone, 'james.okafor@example.com')
    // Sensitive categories are off until chosen.
    assert.equal(await page.locator('input[name=share]:checked').count(), 0)
    await page.click('button[value=share]')
    await page.waitForURL((url) => url.href.startsWith(demo.sample))
    await page.waitForSelector('table')
    await check('claims')
    assert.ok(await page.locator('table tbody tr').count() >= 5, 'claims are listed')

    await page.goto(`${demo.base}/member`)
    await check('member')
    assert.match(await page.textContent('main'), /Health History/)
    assert.match(await page.textContent('main'), /2026/)
    await page.click('a[href*="/member/stop"]')
    await check('stop')
    await page.click('main form button:not(.link)')
    await page.waitForURL(/\/member/)
    await check('stopped')
    assert.equal(await page.locator('a[href*="/member/stop"]').count(), 0)

    const stopped = Date.now()
    await page.goto(demo.sample)
    await check('sample-after')
    assert.equal(await page.locator('table tbody tr').count(), 0, 'nothing is read after sharing stopped')
    assert.ok(Date.now() - stopped < 5_000)
    await someone.context.close()
  })
}

test('a member says no and the app is told, nothing else', async () => {
  const someone = await visitor({ javaScriptEnabled: false })
  await connect(someone, 'mei.chen@example.com')
  await someone.page.click('button[value=cancel]')
  await someone.page.waitForURL((url) => url.href.startsWith(demo.sample))
  assert.equal(await someone.page.locator('table').count(), 0)
  await someone.context.close()
})

test('a wrong code is told beside the field and in the summary', async () => {
  const someone = await visitor({})
  const { page, check } = someone
  await page.goto(`${demo.base}/login`)
  await check('login')
  await page.fill('input[name=address]', 'olivia.brooks@example.com')
  await page.click('main form button >> nth=0')
  await page.waitForSelector('input[name=code]')
  await page.fill('input[name=code]', '000000')
  await page.click('form:has(input[name=code]) button')
  await page.waitForSelector('input[name=code]')
  await check('wrong-code')
  assert.match(await page.title(), /^Error:/)
  assert.equal(await page.locator('input[name=code]').getAttribute('aria-invalid'), 'true')
  await someone.context.close()
})

for (const javaScriptEnabled of [true, false]) {
  test(`a developer registers and gets sandbox credentials (JavaScript ${javaScriptEnabled ? 'on' : 'off'})`, async () => {
    const someone = await visitor({ javaScriptEnabled })
    const { page, check } = someone
    await page.goto(demo.base)
    await check('front')
    await page.goto(`${demo.base}/developers`)
    await check('developers')
    const address = `dev-${javaScriptEnabled ? 'a' : 'b'}@apps.example`
    await signIn(someone, address)
    await page.waitForSelector('a[href="/developers/apps/new"]')
    await check('developers-in')
    await page.click('a[href="/developers/apps/new"]')
    await check('new-app')
    // Empty first: the page says what is missing.
    await page.click('main form button')
    await check('new-app-errors')
    assert.match(await page.title(), /^Error:/)
    // Two makers cannot have one name.
    await page.fill('input[name=name]', javaScriptEnabled ? 'Pill Reminder' : 'Pill Box')
    await page.check('#kind-web')
    await page.fill('textarea[name=redirects]', 'https://pills.example/callback')
    await page.locator('input[name=scopes]').first().check()
    await page.click('main form button')
    await page.waitForSelector('.code')
    await check('credentials')
    assert.match(await page.textContent('main'), /sandbox-app-/)
    const secret = (await page.textContent('.notice .code')).trim()
    assert.match(secret, /^[A-Za-z0-9_-]{43}$/)
    await page.reload()
    assert.ok(!(await page.textContent('main')).includes(secret), 'the secret is shown once')
    await check('credentials-again')
    await someone.context.close()
  })
}

test('the outbox of the demo shows what was sent', async () => {
  const someone = await visitor({})
  await someone.page.goto(`${demo.base}/outbox`)
  await someone.check('outbox')
  assert.match(await someone.page.textContent('main'), /james\.okafor@example\.com/)
  await someone.context.close()
})
