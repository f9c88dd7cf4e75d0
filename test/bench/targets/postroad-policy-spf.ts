import { spf } from '@postroad/spf'
import { startPolicyService } from '../filter-target.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad as a policy service: SPF',
  start: (place) => startPolicyService(place, spf()),
}
