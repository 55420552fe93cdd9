// The main file of a folder.
console.log(require.main === module, __filename, process.argv)
