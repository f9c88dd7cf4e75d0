/** Postfix and Exim as oracles: a cell that all agree on, and one of each difference that matters most. All of them: `npm run matrix -- --zones oracle`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requiresExim } from '../delivery/exim.ts'
import { freePorts } from '../interop/loopback.ts'
import { requires } from '../runner/requires.ts'
import { CELLS } from './cells.ts'
import { DNS_PACKAGES, DnsLab } from './dns-lab.ts'
import { eximOracle } from './oracle-exim.ts'
import { freeResolver, postfixOracle } from './oracle-postfix.ts'
import { runOracles } from './run-oracle.ts'

const skip =
  requires(...DNS_PACKAGES, 'postfix') ||
  (process.getuid?.() === 0 ? false : 'mount namespaces need root') ||
  requiresExim()

test('Postfix and Exim do the same over the same DNS, or it is known why not', { skip, timeout: 240_000 }, async () => {
  const [port = 0] = await freePorts(1)
  const resolver = freeResolver()
  await using lab = await DnsLab.open({ address: resolver })
  await using postfix = await postfixOracle({ port, resolver })
  await using exim = eximOracle({ port, resolver })
  const find = (text: string) => CELLS.find(({ tlsa, mx }) => mx === 'secure' && String(tlsa) === text) ?? assert.fail()
  const all = async (text: string) => await runOracles(find(text), { lab, port, oracles: [postfix, exim] })
  const same = await all('3 1 1 ee')
  assert.deepEqual(
    same.opinions.map(({ oracle, fate, messages }) => [oracle, fate, messages]),
    [
      ['postfix', 'dane', 1],
      ['exim', 'dane', 1],
    ],
  )
  const unsafe = await all('expired')
  assert.ok(unsafe.isRight && unsafe.opinions.every(({ fate }) => fate === 'kept'))
  const agility = await all('3 1 1 ee,3 1 2 leaf')
  assert.deepEqual(
    agility.opinions.map(({ isSame, reason }) => [isSame, reason]),
    [
      [true, undefined],
      [false, 'GnuTLS does not prefer the strongest digest'],
    ],
  )
})
