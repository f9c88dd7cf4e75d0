import { pluginContract } from '@postroad/testing'
import { authFile } from './index.ts'

pluginContract(authFile, { options: { path: '/nonexistent/users', delay: 0 } })
