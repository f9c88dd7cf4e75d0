import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { messageFromBytes } from './message.ts'

interface Stored {
  readonly name: string
  readonly data?: Buffer
  /** In front of the file; left out: the same as in the directory. */
  readonly localName?: string
  readonly isEncrypted?: boolean
  readonly isCompressed?: boolean
}

/** A zip archive of these; the sizes are what they are. */
function zip(files: readonly Stored[], { directory = true, front = '' } = {}): Buffer {
  const local: Buffer[] = [Buffer.from(front)]
  const central: Buffer[] = []
  let offset = front.length
  for (const { name, data = Buffer.from('x'), localName = name, isEncrypted = false, isCompressed = false } of files) {
    const packed = isCompressed ? deflateRawSync(data) : data
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE((isEncrypted ? 1 : 0) | 0x800, 2)
    common.writeUInt16LE(isCompressed ? 8 : 0, 4)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(Buffer.byteLength(localName), 22)
    local.push(Buffer.from('PK\x03\x04'), Buffer.from(common), Buffer.from(localName), packed)
    common.writeUInt16LE(Buffer.byteLength(name), 22)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    central.push(Buffer.from('PK\x01\x02\x14\0'), common, tail, Buffer.from(name))
    offset += 30 + Buffer.byteLength(localName) + packed.length
  }
  if (!directory) return Buffer.concat(local)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(Buffer.concat(central).length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...local, ...central, end])
}

async function archived(octets: Buffer, name = 'a.zip') {
  const base64 = octets.toString('base64').replace(/.{76}/g, '$&\r\n')
  const message = `Content-Type: application/octet-stream; name="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64}\r\n`
  const [attachment] = (await messageFromBytes(Buffer.from(message)).mime()).attachments
  assert.ok(attachment)
  return attachment.archived()
}

async function names(octets: Buffer, name?: string): Promise<readonly string[] | undefined> {
  return (await archived(octets, name))?.files.map(({ filename }) => filename)
}

test('names, sizes and whether it is encrypted are listed; folders are not', async () => {
  assert.deepEqual(
    await archived(zip([{ name: 'a/' }, { name: 'a/b.txt' }, { name: 'evil.exe', isEncrypted: true }])),
    {
      files: [
        { filename: 'a/b.txt', size: 1, isEncrypted: false },
        { filename: 'evil.exe', size: 1, isEncrypted: true },
      ],
      unread: undefined,
    },
  )
})

test('what is no archive has no listing, whatever its name is', async () => {
  assert.equal(await archived(Buffer.from('hello')), undefined)
  assert.equal(await archived(Buffer.alloc(0)), undefined)
})

test('an archive is known by what it is, also behind something else', async () => {
  assert.deepEqual(await names(zip([{ name: 'evil.exe' }]), 'photo.jpg'), ['evil.exe'])
  assert.deepEqual(await names(zip([{ name: 'evil.exe' }], { front: 'MZ and so on' }), 'setup.scr'), ['evil.exe'])
})

test('archives within archives are looked into, to a depth', async () => {
  let octets = zip([{ name: 'evil.exe' }])
  for (const name of ['c.zip', 'b.jar'])
    octets = zip([{ name, data: octets, isCompressed: true }, { name: `${name}.txt` }])
  const found = await archived(octets)
  assert.ok(
    found?.files.some(({ filename }) => filename === 'b.jar/c.zip/evil.exe'),
    JSON.stringify(found),
  )
  assert.equal(found?.unread, undefined)
  for (const name of ['d.zip', 'e.zip']) octets = zip([{ name, data: octets, isCompressed: true }])
  assert.equal((await archived(octets))?.unread, 'limit')
})

test('a name that only stands in front of the file is listed too', async () => {
  const octets = zip([{ name: 'harmless.txt', localName: 'evil.exe' }])
  assert.deepEqual((await names(octets))?.toSorted(), ['evil.exe', 'harmless.txt'])
})

test('names that lead a system astray are listed as it takes them', async () => {
  const octets = zip([{ name: 'a\\..\\evil.exe . ' }, { name: '/etc/x' }, { name: 'evil.exe\0.txt' }])
  assert.deepEqual(await names(octets), ['a/../evil.exe', '/etc/x', 'evil.exe.txt', 'evil.exe'])
})

test('without a directory what stands in front of the files is listed, and that it is damaged', async () => {
  const found = await archived(zip([{ name: 'evil.exe' }], { directory: false }))
  assert.deepEqual([found?.files.map(({ filename }) => filename), found?.unread], [['evil.exe'], 'damaged'])
  const cut = zip([{ name: 'evil.exe' }, { name: 'b.txt' }])
  assert.deepEqual(await names(cut.subarray(0, -30)), ['evil.exe', 'b.txt'])
})

test('an archive in it that cannot be opened is said', async () => {
  const inner = zip([{ name: 'evil.exe' }])
  assert.equal((await archived(zip([{ name: 'i.zip', data: inner, isEncrypted: true }])))?.unread, 'encrypted')
  assert.equal((await archived(zip([{ name: 'i.zip', data: inner.subarray(0, 40) }])))?.unread, 'damaged')
})

test('bombs cost a bounded time and are said', async () => {
  const zeros = zip([{ name: 'z.zip', data: Buffer.alloc(22 * 1_048_576), isCompressed: true }])
  const many = zip(Array.from({ length: 1_200 }, (_, n) => ({ name: `${n}.zip`, data: zip([]), isCompressed: true })))
  const local = Buffer.from('PK\x03\x04\x14\0\0\0\0\0'.padEnd(26, '\0').concat('\x01\0\0\0A').repeat(100_000), 'latin1')
  for (const [octets, unread] of [
    [zeros, 'limit'],
    [many, 'limit'],
    [local, 'damaged'],
  ] as const) {
    const begun = process.cpuUsage()
    assert.equal((await archived(octets))?.unread, unread)
    const { user, system } = process.cpuUsage(begun)
    assert.ok(user + system < 1_500_000, `${(user + system) / 1_000} ms`)
  }
})
