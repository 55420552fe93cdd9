// As the main script and as a module: is it the main one?
exports.isMain = require.main === module
if (exports.isMain) console.log('main', module.parent ?? null, process.argv.length)
