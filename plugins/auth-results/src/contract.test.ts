import { pluginContract } from '@postroad/testing'
import { authResults } from './auth-results.ts'

pluginContract(authResults, {
  session: { data: { 'Authentication-Results': 'mx.test; spf=pass', From: 'a@client.test' } },
})
