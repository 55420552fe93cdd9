import { describe, expect, test } from 'vitest'
import { bare, ioth, iothEnds, programs, startSwitch } from './support/processes.ts'

const tree = `${programs}/tree`

describe('one ioth run is one node, however many processes it becomes', () => {
  test.each(['fork', 'without an environment', 'through a shell'])(
    'a child shares the address, the ports and loopback: %s',
    async (way) => {
      const { path } = await startSwitch()
      const parent = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${tree}/parent.mjs`, way])
      await parent.prints(/both listen/)
      expect(bare(parent.stdout)).toContain('child on 10.40.0.32 with an ioth\n')
      expect(bare(parent.stdout)).toContain('EADDRINUSE: listen EADDRINUSE: address already in use :::80\n')
      expect(bare(parent.stdout)).toContain("by the node's address: parent to 10.40.0.32\n")
      expect(bare(parent.stdout)).toContain('by loopback: child to 127.0.0.1\n')

      const curl = (port: number) => iothEnds(['curl', '-a', '10.40.0.33/24', '-f', path, `http://10.40.0.32:${port}/`])
      expect(bare((await curl(80)).stdout)).toBe('parent to 10.40.0.33')
      expect(bare((await curl(8080)).stdout)).toBe('child to 10.40.0.33')
      expect((await curl(81)).stderr).toContain('ECONNREFUSED')
      const ping = await iothEnds(['ping', '-c', '1', '-a', '10.40.0.33/24', '-f', path, '10.40.0.32'])
      expect(ping.stdout).toContain('1 received')
      expect((await parent.stop()).exitCode).toBe(0)
    },
  )
})
