import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RoutedRecipient } from '@postroad/mail'
import type { Route } from '@postroad/plugin'
import { address } from '../../../test/contracts/queue/messages.ts'
import { meansDestination, planMessage } from './plan.ts'

const options = { maxRecipients: 3 }
const recipient = (text: string, route: Route): RoutedRecipient => ({
  address: address(...(text.split('@') as [string, string])),
  parameters: {},
  route,
})

function plan(route: Route, recipients: readonly string[]) {
  const deliveries = [{ route, recipients: recipients.map((text) => recipient(text, route)) }]
  return planMessage({ from: undefined, parameters: {}, deliveries, size: 1, now: 5 }, options).deliveries.map(
    ({ destination, recipients: some }) => `${destination}: ${some.map((each) => each.address).join(' ')}`,
  )
}

test('recipients of one domain travel together, others apart', () => {
  assert.deepEqual(plan({ via: 'smtp' }, ['a@one.example', 'b@two.example', 'c@one.example']), [
    'smtp:one.example: a@one.example c@one.example',
    'smtp:two.example: b@two.example',
  ])
})

test('recipients of one fixed next hop travel together, whatever their domains', () => {
  assert.deepEqual(plan({ via: 'smtp', host: 'relay', port: 26 }, ['a@one.example', 'b@two.example']), [
    'smtp:relay:26: a@one.example b@two.example',
  ])
  assert.deepEqual(plan({ via: 'maildir' }, ['a@one.example', 'b@two.example']), [
    'maildir: a@one.example b@two.example',
  ])
})

test('RFC 5321 §4.5.3.1.8: no transaction has more recipients than every server takes', () => {
  assert.deepEqual(plan({ via: 'maildir' }, ['a@x', 'b@x', 'c@x', 'd@x']), ['maildir: a@x b@x c@x', 'maildir: d@x'])
})

test('RFC 3461 §5.2.7: who is replaced by his route stays known as the original recipient', () => {
  const route: Route = { via: 'smtp', to: [address('x', 'new.example'), address('y', 'new.example')] }
  const [delivery] = planMessage(
    {
      from: undefined,
      parameters: {},
      deliveries: [{ route, recipients: [recipient('old@old.example', route)] }],
      size: 1,
      now: 5,
    },
    options,
  ).deliveries
  assert.deepEqual(
    delivery?.recipients.map(({ address: to, parameters }) => [String(to), parameters.orcpt?.address]),
    [
      ['x@new.example', 'old@old.example'],
      ['y@new.example', 'old@old.example'],
    ],
  )
  assert.equal(delivery?.route.to, undefined)
})

test('an operator names a destination by its domain or host, with or without transport and port', () => {
  for (const name of ['smtp:relay.test:26', 'relay.test:26', 'relay.test'])
    assert.equal(meansDestination(name, 'smtp:relay.test:26'), true, name)
  for (const name of ['smtp', 'test', 'relay', 'lmtp:relay.test:26', '26'])
    assert.equal(meansDestination(name, 'smtp:relay.test:26'), false, name)
  assert.equal(meansDestination('maildir', 'maildir'), true)
  assert.equal(meansDestination('/run/dovecot', 'lmtp:/run/Dovecot'), true)
})
