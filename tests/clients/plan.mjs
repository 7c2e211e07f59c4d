// A plan of its own for a test: `ingle init`, a roster, `ingle serve`; and a browser without a screen that walks its pages.

import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const BINARY = process.env.INGLE_BINARY
  ?? join(process.env.CARGO_TARGET_DIR ?? new URL('../../target', import.meta.url).pathname, 'debug', 'ingle')
const PATIENCE = 60_000

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** Waits until something holds, and gives it. */
export async function until(look, what) {
  for (const begun = Date.now(); Date.now() - begun < PATIENCE;) {
    const found = await look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`waited too long for ${what}`)
}

/** Runs the program to its end; gives exit code and what it said. */
export function run(folder, ...words) {
  return new Promise((resolve) => {
    execFile(BINARY, words, { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code ?? error.signal : 0, said: stdout + stderr })
    })
  })
}

const ROSTER = `member_id,last_name,first_name,dob,gender,plan,coverage_start,email,phone
M01,Example,Ana,1970-01-01,F,SILVER,2026-01-01,ana@example.org,415-555-0134
`

/** A plan whose mail goes where `mail` says. `env` holds more keys of fhir.toml. */
export async function startPlan({ mail, env = {} }) {
  const folder = mkdtempSync(join(tmpdir(), 'ingle-clients-'))
  const port = await freePort()
  const base = `http://127.0.0.1:${port}`
  const init = await run(folder, 'init', '--yes', '--name', 'Test Plan', '--url', base, '--mail', mail)
  if (init.code !== 0) throw new Error(`init: ${init.code} ${init.said}`)
  writeFileSync(join(folder, 'members.csv'), ROSTER)
  const load = await run(folder, 'load', 'members.csv')
  if (load.code !== 0) throw new Error(`load: ${load.code} ${load.said}`)
  const child = spawn(BINARY, ['serve'], {
    cwd: folder,
    env: { ...process.env, ...env, INGLE_SERVER__LISTEN: `127.0.0.1:${port}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stdout.on('data', (text) => { said += text })
  child.stderr.on('data', (text) => { said += text })
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`the plan did not start: ${said}`)
    return fetch(base).then(() => true, () => false)
  }, 'the plan')
  return {
    base,
    folder,
    log: () => said,
    stop: () => new Promise((resolve) => {
      child.on('exit', () => { rmSync(folder, { recursive: true, force: true }); resolve() })
      child.kill('SIGTERM')
    }),
  }
}

/** A browser: it keeps cookies, and shows where a form leads. */
export class Browser {
  #cookies = new Map()

  constructor(base) {
    this.base = base
  }

  async #ask(address, options = {}) {
    const url = new URL(address, this.base)
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, { redirect: 'manual', ...options, headers: { cookie, ...options.headers } })
    for (const line of answer.headers.getSetCookie()) {
      const [pair] = line.split(';')
      const at = pair.indexOf('=')
      this.#cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
    return { status: answer.status, location: answer.headers.get('location'), text: await answer.text(), url }
  }

  /** Opens a page; follows on as long as it stays with the plan. */
  async open(address) {
    let page = await this.#ask(address)
    for (let hops = 0; page.location && hops < 10; hops++) {
      const to = new URL(page.location, page.url)
      if (to.origin !== new URL(this.base).origin) return page
      page = await this.#ask(to)
    }
    return page
  }

  /** Sends the form of a page whose action ends so, with these fields in place of its own. */
  async submit(page, action, fields) {
    const forms = page.text.split('<form').slice(1).map((rest) => rest.split('</form>')[0])
    const form = forms.find((form) => form.match(/action="([^"]*)"/)?.[1].endsWith(action))
    if (!form) throw new Error(`no form for ${action} in ${page.text}`)
    const pairs = [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)].map((found) => [found[1], found[2]])
    const typed = Array.isArray(fields) ? fields : Object.entries(fields)
    const names = typed.map(([name]) => name)
    const body = new URLSearchParams([...pairs.filter(([name]) => !names.includes(name)), ...typed])
    const origin = new URL(this.base).origin
    const to = form.match(/action="([^"]*)"/)[1]
    const sent = await this.#ask(new URL(to, page.url), { method: 'POST', body, headers: { origin } })
    if (!sent.location || new URL(sent.location, page.url).origin !== origin) return sent
    return this.open(new URL(sent.location, page.url))
  }
}

/** The demo: invented members, and codes as files. */
export async function startDemo() {
  const folder = mkdtempSync(join(tmpdir(), 'ingle-clients-'))
  const port = await freePort()
  const child = spawn(BINARY, ['demo', '--port', String(port), '--dir', join(folder, 'demo')], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stdout.on('data', (text) => { said += text })
  child.stderr.on('data', (text) => { said += text })
  const base = `http://127.0.0.1:${port}`
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`the demo did not start: ${said}`)
    return fetch(base).then(() => true, () => false)
  }, 'the demo')
  const mail = join(folder, 'demo', 'outbox', 'mail')
  const seen = new Set()
  return {
    base,
    /** The code in the newest letter that nobody has read. */
    code: () => until(() => {
      const names = existsSync(mail) ? readdirSync(mail).filter((name) => name.endsWith('.eml') && !seen.has(name)).sort() : []
      const newest = names.at(-1)
      if (!newest) return null
      seen.add(newest)
      return readFileSync(join(mail, newest), 'utf8').match(/^(\d{6})\r?$/m)[1]
    }, 'a code'),
    stop: () => new Promise((resolve) => {
      child.on('exit', () => { rmSync(folder, { recursive: true, force: true }); resolve() })
      child.kill('SIGTERM')
    }),
  }
}

/** Registers an app as a developer does; gives its id and secret in the sandbox. */
export async function register(demo, { name, kind, redirects }) {
  const browser = new Browser(demo.base)
  const address = `${name.toLowerCase().replaceAll(/\W/g, '-')}@example.org`
  const asked = await browser.submit(await browser.open('/developers'), '/developers/login', { address })
  await browser.submit(asked, '/developers/login/code', { address, code: await demo.code() })
  const form = await browser.open('/developers/apps/new')
  const body = [['name', name], ['kind', kind], ['redirects', redirects.join('\n')], ['scopes', 'all'], ['scopes', 'offline']]
  const page = await browser.submit(form, '/developers/apps', body)
  const between = (id) => page.text.match(new RegExp(`id="${id}">([^<]*)<`))?.[1]
  if (!between('client-id')) throw new Error(`the app was not made: ${page.text}`)
  return { id: between('client-id'), secret: between('secret') }
}

/** Walks an authorization request as Rosa of the sandbox; gives the address at which the app gets its answer. */
export async function authorize(demo, url, address = 'rosa.delgado@example.com') {
  const browser = new Browser(demo.base)
  let page = await browser.open(url)
  if (page.location) return new URL(page.location)
  page = await browser.submit(page, '/login', { address })
  const code = page.text.match(/<p class="code">([^<]*)</)[1]
  page = await browser.submit(page, '/login/code', { address, code })
  const person = page.text.match(/name="person" value="([^"]*)"/)[1]
  page = await browser.submit(page, '/consent', { person, decision: 'share' })
  return new URL(page.location)
}
