// Client libraries as their users call them, none of them ours, against the demo's sandbox.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createRequire } from 'node:module'
import * as openid from 'openid-client'
import * as oauth4webapi from 'oauth4webapi'
import { authorize, register, startDemo } from './plan.mjs'

const require = createRequire(import.meta.url)
const CALLBACK = 'https://app.example/cb'
const SCOPE = 'openid fhirUser launch/patient patient/*.rs offline_access'
let demo, sandbox, web, browserApp

before(async () => {
  demo = await startDemo()
  sandbox = `${demo.base}/sandbox`
  web = await register(demo, { name: 'Stock Web', kind: 'web', redirects: [CALLBACK] })
  browserApp = await register(demo, { name: 'Stock Browser', kind: 'browser', redirects: [CALLBACK] })
})
after(() => demo.stop())

test('openid-client: discovery, code, refresh, introspection, revocation', async () => {
  const insecure = { execute: [openid.allowInsecureRequests] }
  const config = await openid.discovery(new URL(sandbox), web.id, web.secret, undefined, insecure)
  // RFC 8414 puts the path of an issuer behind the well-known address.
  await openid.discovery(new URL(sandbox), web.id, web.secret, undefined, { ...insecure, algorithm: 'oauth2' })
  const verifier = openid.randomPKCECodeVerifier()
  const [state, nonce] = [openid.randomState(), openid.randomNonce()]
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK, scope: SCOPE, state, nonce, aud: `${sandbox}/fhir`, max_age: '600',
    code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  const answer = await authorize(demo, url)
  const tokens = await openid.authorizationCodeGrant(config, answer, {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, maxAge: 600, idTokenExpected: true,
  })
  assert.equal(tokens.patient, 'rosa-delgado')
  const read = await fetch(`${sandbox}/fhir/Patient/rosa-delgado`, { headers: { authorization: `Bearer ${tokens.access_token}` } })
  assert.equal(read.status, 200)
  const fresh = await openid.refreshTokenGrant(config, tokens.refresh_token)
  assert.equal((await openid.tokenIntrospection(config, fresh.access_token)).active, true)
  await openid.tokenRevocation(config, fresh.refresh_token)
  assert.equal((await openid.tokenIntrospection(config, fresh.access_token)).active, false)
})

test('openid-client: prompt=none is answered and shows nothing of ours', async () => {
  const config = await openid.discovery(new URL(sandbox), web.id, web.secret, undefined, { execute: [openid.allowInsecureRequests] })
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK, scope: SCOPE, state: 's', nonce: 'n', aud: `${sandbox}/fhir`, prompt: 'none',
    code_challenge: await openid.calculatePKCECodeChallenge(openid.randomPKCECodeVerifier()), code_challenge_method: 'S256',
  })
  const page = await fetch(url, { redirect: 'manual' })
  const text = page.headers.get('location') ?? await page.text()
  assert.match(text, /login_required/)
})

test('oauth4webapi: a public app, with the metadata of RFC 8414', async () => {
  const options = { [oauth4webapi.allowInsecureRequests]: true }
  const issuer = new URL(sandbox)
  const found = await oauth4webapi.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' })
  const server = await oauth4webapi.processDiscoveryResponse(issuer, found)
  const client = { client_id: browserApp.id }
  const verifier = oauth4webapi.generateRandomCodeVerifier()
  const url = new URL(server.authorization_endpoint)
  url.search = new URLSearchParams({
    response_type: 'code', client_id: client.client_id, redirect_uri: CALLBACK, scope: SCOPE, state: 's', nonce: 'n',
    aud: `${sandbox}/fhir`, code_challenge: await oauth4webapi.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  const params = oauth4webapi.validateAuthResponse(server, client, await authorize(demo, url), 's')
  const sent = await oauth4webapi.authorizationCodeGrantRequest(server, client, oauth4webapi.None(), params, CALLBACK, verifier, options)
  const tokens = await oauth4webapi.processAuthorizationCodeResponse(server, client, sent, { expectedNonce: 'n' })
  const again = await oauth4webapi.refreshTokenGrantRequest(server, client, oauth4webapi.None(), tokens.refresh_token, options)
  assert.ok((await oauth4webapi.processRefreshTokenResponse(server, client, again)).access_token)
})

/** fhirclient's adapter for servers wants a request, a response and a storage. */
function smartWith(memory) {
  const smart = require('fhirclient')
  const storage = {
    get: async (key) => memory.get(key),
    set: async (key, value) => { memory.set(key, value); return value },
    unset: async (key) => memory.delete(key),
  }
  return (path) => {
    const url = new URL(path, CALLBACK)
    const answer = {}
    const request = { url: url.pathname + url.search, headers: { host: url.host }, socket: { encrypted: true } }
    const response = { writeHead: (status, headers) => { answer.location = headers.Location ?? headers.location }, end: () => {} }
    return { smart: smart(request, response, storage), answer }
  }
}

test('fhirclient: authorize, read, and refresh without a client_id', async () => {
  const memory = new Map()
  const open = smartWith(memory)
  const start = open('/launch')
  await start.smart.authorize({ clientId: browserApp.id, redirectUri: CALLBACK, scope: SCOPE, iss: `${sandbox}/fhir`, pkceMode: 'required' })
  assert.ok(start.answer.location, 'it sends the browser on')
  const back = await authorize(demo, start.answer.location)
  const client = await open(back.pathname + back.search).smart.ready()
  assert.equal(client.patient.id, 'rosa-delgado')
  const claims = await client.request(`ExplanationOfBenefit?patient=${client.patient.id}`)
  assert.ok(claims.total > 0)
  const before = client.state.tokenResponse.access_token
  await client.refresh()
  assert.notEqual(client.state.tokenResponse.access_token, before)
  assert.equal((await client.patient.read()).id, 'rosa-delgado')
})

test('biscuit-wasm: a token is narrowed with the published root key', async () => {
  const { Biscuit, PublicKey, block } = await import('@biscuit-auth/biscuit-wasm')
  const server = await (await fetch(`${sandbox}/.well-known/oauth-authorization-server`)).json()
  const config = await openid.discovery(new URL(sandbox), web.id, web.secret, undefined, { execute: [openid.allowInsecureRequests] })
  const verifier = openid.randomPKCECodeVerifier()
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK, scope: SCOPE, state: 's', nonce: 'n', aud: `${sandbox}/fhir`,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  const tokens = await openid.authorizationCodeGrant(config, await authorize(demo, url), { pkceCodeVerifier: verifier, expectedState: 's', expectedNonce: 'n' })
  const [prefix, body] = ['ings_', tokens.access_token.slice('ings_'.length)]
  const [key] = server.biscuit_root_keys
  const token = Biscuit.fromBase64(body, PublicKey.fromString(key.public_key, 0))
  const text = token.toString()
  assert.ok(!/rosa|delgado|ALD/i.test(text), `a token names no member and no record: ${text}`)
  const narrowed = prefix + token.appendBlock(block`check if resource_type("Coverage")`).toBase64().replace(/=+$/, '')
  const ask = (path, token) => fetch(`${sandbox}/fhir/${path}`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal((await ask('Coverage?patient=rosa-delgado', narrowed)).status, 200)
  assert.equal((await ask('Patient/rosa-delgado', narrowed)).status, 403)
  assert.equal((await ask('Patient/rosa-delgado', tokens.access_token)).status, 200)
})
