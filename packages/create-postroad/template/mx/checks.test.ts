import { test } from 'node:test'
import { session } from '@postroad/testing'
import { checks, DOMAIN } from './checks.ts'

const to = `ann@${DOMAIN}`

test('mail for our domain is taken', async () => {
  await session(...checks())
    .mail('bob@sender.test')
    .rcpt(to)
    .data({ Subject: 'Minutes' })
    .expectAccepted()
})

test('the rule of the house holds', async () => {
  await session(...checks())
    .mail('bob@sender.test')
    .rcpt(to)
    .data({ Subject: 'You have won!' })
    .expectRefusal('5.7.1')
})
