/** What a route may say to the transports of this package, and what must not compile. `npm run check` fails when it begins to. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Route } from '@postroad/mail'
import './index.ts'

function never(): readonly Route[] {
  return [
    { via: 'smtp', host: 'mx.example.com', settings: { tls: 'required', credentials: 'isp' } } satisfies Route<'smtp'>,
    { via: 'lmtp', settings: { reversePath: 'SRS0=x=y=example.org=a@mx.test' } } satisfies Route<'lmtp'>,
    { via: 'maildir' } satisfies Route<'maildir'>,
    // @ts-expect-error a misspelt setting
    { via: 'smtp', settings: { tsl: 'required' } } satisfies Route<'smtp'>,
    // @ts-expect-error a misspelt value: mail would go in the clear
    { via: 'smtp', settings: { tls: 'requried' } } satisfies Route<'smtp'>,
    // @ts-expect-error TLS of the one server is an option
    { via: 'lmtp', settings: { tls: 'required' } } satisfies Route<'lmtp'>,
    // @ts-expect-error the mailbox is that of the address
    { via: 'maildir', settings: { folder: 'lists' } } satisfies Route<'maildir'>,
  ]
}

test('the mistakes above are compile errors, checked by tsc', () => {
  assert.equal(typeof never, 'function')
})
