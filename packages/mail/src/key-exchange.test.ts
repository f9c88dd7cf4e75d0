import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupsFrom, HYBRID_GROUPS, meetsGroup } from './key-exchange.ts'

test('a hybrid group is met by itself and by what is at least as strong, and by no curve alone', () => {
  for (const [group, minimum, isMet] of [
    ['X25519MLKEM768', 'X25519MLKEM768', true],
    ['SecP256r1MLKEM768', 'X25519MLKEM768', true],
    ['SecP384r1MLKEM1024', 'X25519MLKEM768', true],
    ['X25519MLKEM768', 'SecP384r1MLKEM1024', false],
    ['SecP384r1MLKEM1024', 'SecP384r1MLKEM1024', true],
    ['x25519', 'X25519MLKEM768', false],
    ['secp521r1', 'SecP256r1MLKEM768', false],
    ['0x9999', 'X25519MLKEM768', false],
    ['constructor', 'X25519MLKEM768', false],
    [undefined, 'X25519MLKEM768', false],
  ] as const)
    assert.equal(meetsGroup(group, minimum), isMet, `${group} for ${minimum}`)
})

test('what is offered is exactly what would do', () => {
  for (const minimum of HYBRID_GROUPS)
    assert.deepEqual(
      groupsFrom(minimum),
      HYBRID_GROUPS.filter((group) => meetsGroup(group, minimum)),
    )
})
