interface Where {
  readonly line: number
}

const where: Where = { line: 5 }
throw new Error(`thrown in line ${where.line + 1} of mapped.ts`)
