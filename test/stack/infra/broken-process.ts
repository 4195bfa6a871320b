// Stands for a process of the platform that cannot start.
process.stderr.write('out of order\n')
process.exit(3)
