import { pluginContract, testPlugin } from '@postroad/testing'
import { myPlugin } from './my-plugin.ts'

testPlugin(myPlugin, [
  {
    name: 'refuses an unwelcome subject',
    data: { Subject: 'You won the LOTTERY' },
    expect: { refused: '5.7.1', text: /not welcome/ },
  },
  { name: 'lets other subjects through', data: { Subject: 'Minutes' }, expect: 'accepted' },
])

pluginContract(myPlugin)
