// Codes leave the house: a real SMTP server, a real HTTPS receiver of text messages with the library that checks its
// signatures, and what happens when they are down.

import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import { writeFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { generate } from 'selfsigned'
import { SMTPServer } from 'smtp-server'
import { Webhook } from 'standardwebhooks'
import { Browser, freePort, run, startPlan, until } from './plan.mjs'

const root = await generate([{ name: 'commonName', value: 'Authority of the test plan' }], {
  keySize: 2048,
  extensions: [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, critical: true }],
})
const tls = await generate([{ name: 'commonName', value: 'localhost' }], {
  keySize: 2048,
  extensions: [
    { name: 'basicConstraints', cA: false },
    { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
  ],
  ca: { key: root.private, cert: root.cert },
})
const authority = join(mkdtempSync(join(tmpdir(), 'ingle-authority-')), 'authority.pem')
writeFileSync(authority, root.cert)

/** A mail server that keeps what it gets; `refuse` turns recipients away. */
async function mailServer({ secure, refuse = false, needsAuth = true }) {
  const letters = []
  const seen = []
  const server = new SMTPServer({
    secure,
    key: tls.private,
    cert: tls.cert,
    authOptional: !needsAuth,
    onAuth: ({ username, password }, session, done) => {
      seen.push(`auth ${session.secure ? 'sealed' : 'open'}`)
      done(username === 'plan' && password === 'pa ss' ? null : new Error('wrong'), { user: username })
    },
    onRcptTo: (address, session, done) => done(refuse ? Object.assign(new Error('no such box'), { responseCode: 550 }) : null),
    onData: (stream, session, done) => {
      let text = ''
      stream.on('data', (chunk) => { text += chunk })
      stream.on('end', () => { letters.push({ to: session.envelope.rcptTo[0].address, text, secure: session.secure }); done() })
    },
  })
  server.on('error', (error) => process.env.SHOW && console.log(error))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { letters, seen, port: server.server.address().port, stop: () => new Promise((resolve) => server.close(resolve)) }
}

function planWith(mail, { trust = true } = {}) {
  return startPlan({ mail, env: trust ? { INGLE_MAIL__AUTHORITY: authority } : {} })
}

async function askForCode(plan, address = 'ana@example.org') {
  const browser = new Browser(plan.base)
  const page = await browser.submit(await browser.open('/login'), '/login', { address })
  return { browser, page }
}

async function signInByMail(plan, server) {
  const { browser, page } = await askForCode(plan)
  assert.match(page.text, /one-time-code/)
  const letter = await until(() => server.letters[0], 'the letter')
  assert.equal(letter.to, 'ana@example.org')
  const code = letter.text.match(/^(\d{6})\r?$/m)[1]
  const home = await browser.submit(page, '/login/code', { code, address: 'ana@example.org' })
  assert.match(home.text, /Hello|Ana Example/)
  return letter
}

test('a code leaves by TLS from the start, with a password', async () => {
  const server = await mailServer({ secure: true })
  const plan = await planWith(`smtps://plan:pa%20ss@localhost:${server.port}`)
  const letter = await signInByMail(plan, server)
  assert.ok(letter.secure && server.seen.includes('auth sealed'))
  await plan.stop()
  await server.stop()
})

test('a code leaves by STARTTLS, and the password only then', async () => {
  const server = await mailServer({ secure: false })
  const plan = await planWith(`smtp://plan:pa%20ss@localhost:${server.port}?tls=required`)
  const letter = await signInByMail(plan, server)
  assert.ok(letter.secure && !server.seen.includes('auth open'))
  await plan.stop()
  await server.stop()
})

test('a refusal, a wrong password, a stranger\'s certificate and a server that is down: the page is calm, the operator is told', async () => {
  const refusing = await mailServer({ secure: true, refuse: true })
  const good = await mailServer({ secure: true })
  const down = await freePort()
  for (const [mail, trust, told] of [
    [`smtps://plan:pa%20ss@localhost:${refusing.port}`, true, /refused the message \(code 550\)/],
    [`smtps://plan:wrong@localhost:${good.port}`, true, /refused the message/],
    [`smtps://plan:pa%20ss@localhost:${good.port}`, false, /cannot be trusted/],
    [`smtps://plan:pa%20ss@localhost:${down}`, true, /could not take the message now/],
  ]) {
    const plan = await planWith(mail, { trust })
    const { browser, page } = await askForCode(plan)
    assert.equal(page.status, 200, 'a member is not told of mail servers')
    // The server itself has tried the mail server at its start and said so; this is the line about the code.
    const lines = () => plan.log().split('\n').filter((line) => line.includes('a sign-in code could not be sent'))
    await until(() => lines().some((line) => told.test(line)), `the operator's line ${told} for ${mail}`)
    assert.ok(!plan.log().includes('pa ss') && !plan.log().includes('ana@example.org'), 'neither password nor address in the log')
    // From now on everybody who asks reads that codes may not come, whoever she is.
    const other = new Browser(plan.base)
    const said = await other.submit(await other.open('/login'), '/login', { address: 'nobody@example.org' })
    assert.match(said.text, /trouble sending codes/)
    await plan.stop()
  }
  await refusing.stop()
  await good.stop()
})

test('every command runs with a mail server in its configuration', async () => {
  const server = await mailServer({ secure: true })
  const plan = await planWith(`smtps://plan:pa%20ss@localhost:${server.port}`)
  const { folder } = plan
  for (const words of [['staff', 'list'], ['app', 'list'], ['verify'], ['reindex']]) {
    const { code, said } = await run(folder, ...words)
    // While the plan runs its data is in use, which is said in words; nothing ends by a signal.
    assert.ok([0, 5].includes(code), `${words}: ${code} ${said}`)
    assert.ok(!said.includes('panicked'), said)
  }
  await plan.stop()
  await server.stop()
})

test('codes by text message reach a receiver that checks their signature', async () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const got = []
  const ids = []
  let busy = 2
  const receiver = createServer({ key: tls.private, cert: tls.cert }, (request, answer) => {
    let body = ''
    request.on('data', (chunk) => { body += chunk })
    request.on('end', () => {
      ids.push(request.headers['webhook-id'])
      if (busy-- > 0) return answer.writeHead(503).end()
      got.push(new Webhook(secret).verify(body, request.headers))
      answer.writeHead(204).end()
    })
  })
  await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const env = {
    INGLE_SMS__TRANSPORT: `https://localhost:${receiver.address().port}/texts`,
    INGLE_SMS__SECRET: secret,
    INGLE_SMS__AUTHORITY: authority,
  }
  const plan = await startPlan({ mail: 'file:outbox/mail', env })
  const { browser, page } = await askForCode(plan, '(415) 555-0134')
  const text = await until(() => got[0], 'the text message')
  assert.equal(text.to, '+14155550134')
  assert.equal(new Set(ids).size, 1, 'tried again with the same id')
  assert.equal(ids.length, 3)
  const code = text.body.match(/\b(\d{6})\b/)[1]
  const home = await browser.submit(page, '/login/code', { code, address: '(415) 555-0134' })
  assert.match(home.text, /Ana Example/)
  assert.ok(!plan.log().includes(secret))
  await plan.stop()
  await new Promise((resolve) => receiver.close(resolve))
})
