import { pluginContract, testDialogue, testPlugin } from '@postroad/testing'
import { myPlugin } from './my-plugin.ts'

testPlugin(myPlugin, [
  {
    name: 'refuses an unwelcome subject',
    data: { Subject: 'You won the LOTTERY' },
    expect: { refused: '5.7.1', text: /not welcome/ },
  },
  { name: 'refuses it however it is encoded', data: { Subject: '=?utf-8?Q?l=6Fttery?=' }, expect: '5.7.1' },
  { name: 'lets other subjects through', data: { Subject: 'Minutes' }, expect: 'accepted' },
  {
    name: 'lets a message without a subject through',
    data: 'From: a@b.test\n\nHello\n',
    expect: { accepted: true, delivered: true },
  },
  { name: 'takes words of its own', options: { words: ['minutes'] }, data: { Subject: 'Minutes' }, expect: '5.7.1' },
  { name: 'refuses options that it does not know', options: { word: 'x' } as never, expect: { mistake: /word/ } },
])

pluginContract(myPlugin)

testDialogue(new URL('./my-plugin.smtp', import.meta.url), [myPlugin()])
