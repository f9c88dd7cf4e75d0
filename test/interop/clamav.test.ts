/** Viruses that a real clamd finds in mail, and what becomes of mail that it has not looked at. All of it: `npm run interop -- clamav`. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { clamav } from '@postroad/clamav'
import { requires } from '../runner/requires.ts'
import { startClamd } from './clamd.ts'
import { EICAR, nested } from './eicar.ts'
import { carrying, offer, startScannerServer } from './scanner-server.ts'

const skip = requires('clamav-daemon', 'clamav-testfiles')
const ham = Buffer.from('From: a@client.test\r\nSubject: hello\r\n\r\nHello\r\n')

test('what carries a virus is refused, however it is wrapped; the rest arrives', { skip }, async () => {
  await using clamd = await startClamd()
  for (const at of [`127.0.0.1:${clamd.port}`, clamd.path]) {
    await using server = await startScannerServer(clamav({ at, unscanned: 'quarantine', header: 'X-Virus-Status' }))
    const { port } = server
    const refused = /^550 5\.7\.1 The message contains a virus: Eicar-Test-Signature/
    assert.match(await offer(port, Buffer.concat([ham, EICAR])), /^550 5\.7\.1 .*Eicar-Test-Text/)
    assert.match(await offer(port, carrying('a.com', EICAR)), refused)
    assert.match(await offer(port, carrying('a.zip', nested(1))), refused)
    assert.match(await offer(port, carrying('a.zip', nested(8))), refused)
    const mail = readFileSync('/usr/share/clamav-testfiles/clam.mail')
    assert.match(await offer(port, carrying('a.eml', mail)), /^550 5\.7\.1 .*ClamAV-Test-File/)
    assert.match(await offer(port, ham), /^250 /)
    // Deeper than clamd looks, and larger than it takes.
    assert.match(await offer(port, carrying('deep.zip', nested(30))), /^250 /)
    assert.match(await offer(port, Buffer.concat([ham, Buffer.alloc(3_000_000, 'x\r\n')])), /^250 /)
    assert.deepEqual(
      server.taken.map(({ text, quarantined }) => [/^X-Virus-Status: (.*)\r$/m.exec(text)?.[1], quarantined]),
      [
        ['Clean', undefined],
        ['Not scanned (MaxRecursion)', 'clamav: not scanned (MaxRecursion)'],
        ['Not scanned (StreamMaxLength)', 'clamav: not scanned (StreamMaxLength)'],
      ],
    )
  }
})

test('clamd that is killed while a message arrives lets nothing pass, and is asked again when it is back', {
  skip,
}, async () => {
  await using clamd = await startClamd()
  await using server = await startScannerServer(clamav({ at: `127.0.0.1:${clamd.port}` }))
  const message = carrying('a.com', Buffer.concat([Buffer.alloc(300_000, 'x'), EICAR]))
  assert.match(await offer(server.port, message, { halfway: () => clamd.kill() }), /^451 4\.3\.0/)
  const restart = async (): Promise<void> => {
    await clamd.kill()
    await clamd.start()
  }
  assert.match(await offer(server.port, ham, { halfway: restart }), /^250 /)
  assert.match(await offer(server.port, carrying('a.com', EICAR), { halfway: restart }), /^550 5\.7\.1/)
  assert.deepEqual(
    server.lines().map(({ facts }) => (facts as { virus?: { result: string } } | undefined)?.virus?.result),
    [undefined, 'clean', 'infected'],
  )
})

test('a server on the port that is no clamd is named in the log', { skip }, async () => {
  await using other = await startScannerServer(clamav())
  await using server = await startScannerServer(clamav({ at: `127.0.0.1:${other.port}` }))
  assert.match(await offer(server.port, ham), /^451 4\.3\.0/)
  assert.match(JSON.stringify(server.lines()), /not the answer of clamd, but of an SMTP server/)
})
