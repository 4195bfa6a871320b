// Loaded before a supervised Node process's own code: when the platform dies, even by kill -9, its end of the channel
// closes, and the child ends too, in order. This works on every system, unlike Linux's parent-death signal.
if (process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  // The listener alone must not keep alive a process that has nothing left to do.
  process.channel.unref()
}
