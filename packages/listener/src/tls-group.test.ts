import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyExchangeGroup } from './tls-group.ts'

test('a session that is not DER tells no group', () => {
  for (const session of [
    undefined,
    Buffer.alloc(0),
    Buffer.from('3080', 'hex'),
    Buffer.from('3005b3040202', 'hex'),
    Buffer.alloc(50, 0xff),
  ])
    assert.equal(keyExchangeGroup(session), undefined)
  assert.equal(keyExchangeGroup(Buffer.from('3006b304020211ec', 'hex')), 'X25519MLKEM768')
  assert.equal(keyExchangeGroup(Buffer.from('3006b30402021234', 'hex')), '0x1234')
})
