'use strict';

/** The official libraries of the dialects besides Engine.IO, behind the interface of a Visitor. */

module.exports = {};
