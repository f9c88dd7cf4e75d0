import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { memoryLock } from '@postroad/testing'
import { contentKey } from './content-key.ts'
import { mailOf } from './mail-fixture.test.ts'
import { MaildirWatch } from './maildir-watch.ts'
import { options } from './options.ts'
import { schoolOf } from './school-fixture.test.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

test('what an owner moves into Junk and out of it is learned, and nothing else', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-junk-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const own = join(folder, 'mail/example.com/alice/Maildir')
  for (const part of ['cur', 'new', '.Junk/cur', '.Junk/new', '.Trash/cur', '.Work/cur', '.Junk.Old/cur'])
    await mkdir(join(own, part), { recursive: true })
  const put = (where: string, id: number, fields = '') => writeFile(join(own, where), fields + mailOf('spam', id))
  await put('.Junk/cur/0:2,S', 0)
  await put('cur/1:2,S', 1)
  await put('cur/2:2,S', 2)
  await put('cur/3:2,S', 3)
  const school = schoolOf(join(folder, 'junk'))
  t.after(() => school.close())
  const teacher = await school.open()
  const watch = new MaildirWatch({
    options: options.parse({ maildirs: [{ folder: join(folder, 'mail/{domain}/{local}/Maildir') }] }),
    teacher,
    lock: memoryLock(),
    log,
    signal: AbortSignal.timeout(60_000),
    folder: join(folder, 'junk'),
  })
  const { user = '' } = teacher.who('alice@example.com')
  /** What the owner has taught, by number of the message. */
  const taught = (): string => {
    const learned = teacher.keeper.mind.circles.get(user)?.learned
    const of = (id: number) => learned?.get(contentKey(Buffer.from(mailOf('spam', id)), teacher.secret))?.lesson.label
    return [0, 1, 2, 3, 9].flatMap((id) => (of(id) ? `${id} ${of(id)}` : [])).join(', ')
  }
  await watch.look()
  assert.equal(taught(), '', 'what is there at first was there before')

  await rename(join(own, 'cur/1:2,S'), join(own, '.Junk/cur/1b:2,S'))
  await put('.Junk/new/9', 9, 'X-Spam-Flag: YES\r\n')
  await watch.look()
  await watch.look()
  assert.equal(taught(), '1 junk', 'what the filter has put there itself is no lesson')

  await rename(join(own, '.Junk/cur/1b:2,S'), join(own, '.Junk/cur/1b:2,ST'))
  await watch.look()
  assert.equal(taught(), '1 junk', 'flags are no move')

  await rename(join(own, '.Junk/cur/1b:2,ST'), join(own, '.Trash/cur/1c:2,S'))
  await watch.look()
  await watch.look()
  assert.equal(taught(), '1 junk', 'who throws it away does not want it')

  await rename(join(own, '.Junk/cur/0:2,S'), join(own, '.Work/cur/0b:2,S'))
  await watch.look()
  assert.equal(taught(), '0 wanted, 1 junk')

  await rename(join(own, '.Trash/cur/1c:2,S'), join(own, '.Junk/cur/1d:2,S'))
  await watch.look()
  await rename(join(own, '.Junk/cur/1d:2,S'), join(own, 'cur/1e:2,S'))
  await watch.look()
  assert.equal(taught(), '0 wanted, 1 wanted', 'learned otherwise')
})
