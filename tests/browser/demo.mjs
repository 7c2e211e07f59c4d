// Starts `ingle demo` in a fresh folder and gives the tests its addresses, a browser, and the codes it "sent".

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const BINARY = process.env.INGLE_BINARY
  ?? join(process.env.CARGO_TARGET_DIR ?? new URL('../../target', import.meta.url).pathname, 'debug', 'ingle')
const PATIENCE = 60_000

/** A port with a free one after it: the sample app takes the next. */
async function freePort() {
  for (let tries = 0; tries < 20; tries++) {
    const port = await listenOnce(0)
    if (await listenOnce(port + 1).catch(() => 0)) return port
  }
  throw new Error('no two free ports in a row')
}

function listenOnce(port) {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const { port: got } = server.address()
      server.close(() => resolve(got))
    })
  })
}

export async function startDemo() {
  const folder = mkdtempSync(join(tmpdir(), 'ingle-browser-'))
  const port = await freePort()
  const child = spawn(BINARY, ['demo', '--port', String(port), '--dir', join(folder, 'demo')], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stdout.on('data', (text) => { said += text })
  child.stderr.on('data', (text) => { said += text })
  const base = `http://127.0.0.1:${port}`
  const sample = `http://127.0.0.1:${port + 1}`
  const begun = Date.now()
  while (!(await answers(base) && await answers(sample))) {
    if (Date.now() - begun > PATIENCE || child.exitCode !== null) throw new Error(`the demo did not start: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const mail = join(folder, 'demo', 'outbox', 'mail')
  return {
    base,
    sample,
    /** The newest code that went to an address. */
    async code(address) {
      for (let tries = 0; tries < 100; tries++) {
        const letters = readdirSync(mail).map((name) => readFileSync(join(mail, name), 'utf8'))
          .filter((text) => text.includes(address))
        if (letters.length > codesSeen(address)) {
          const newest = letters.sort((a, b) => dateOf(a) - dateOf(b)).filter((text) => !used.has(text)).at(-1)
          used.add(newest)
          seen.set(address, letters.length)
          return newest.match(/^(\d{6})\s*$/m)[1]
        }
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      throw new Error(`no letter to ${address}`)
    },
    stop() {
      child.kill('SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const used = new Set()
const seen = new Map()
const codesSeen = (address) => seen.get(address) ?? 0
const dateOf = (letter) => Date.parse(letter.match(/^Date: (.*)$/m)?.[1] ?? '')

async function answers(address) {
  return fetch(address).then((answer) => answer.status < 500, () => false)
}

export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  })
}
