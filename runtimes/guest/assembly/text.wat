;; Text on its way between the strings of V8 and a memory of WebAssembly, a piece at a time. V8 copies a piece at once into
;; or out of an array of its heap; from there one loop, and no call, takes each character.
(module
  (rec (type $units (array (mut i16))))
  (import "wasm:js-string" "fromCharCodeArray" (func $stringOf (param (ref null $units) i32 i32) (result (ref extern))))
  (import "wasm:js-string" "intoCharCodeArray" (func $copy (param externref (ref null $units) i32) (result i32)))
  (import "env" "memory" (memory 0))
  ;; As many as `pieceLength` in memoryText.ts says.
  (global $piece (ref $units) (array.new_default $units (i32.const 8192)))

  ;; Takes the piece. Gives all bits of its units; bit 16 if one of them is half of a surrogate pair.
  (func (export "take") (param $text externref) (result i32)
    (local $index i32) (local $length i32) (local $unit i32) (local $bits i32)
    (local.set $length (call $copy (local.get $text) (global.get $piece) (i32.const 0)))
    (loop $next
      (if (i32.lt_u (local.get $index) (local.get $length))
        (then
          (local.set $unit (array.get_u $units (global.get $piece) (local.get $index)))
          (local.set $bits (i32.or (local.get $bits) (local.get $unit)))
          (if (i32.eq (i32.and (local.get $unit) (i32.const 0xf800)) (i32.const 0xd800))
            (then (local.set $bits (i32.or (local.get $bits) (i32.const 0x10000)))))
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next))))
    (local.get $bits))

  ;; Puts what was taken at an address, a byte for each unit.
  (func (export "put8") (param $at i32) (param $length i32)
    (local $index i32)
    (loop $next
      (if (i32.lt_u (local.get $index) (local.get $length))
        (then
          (i32.store8
            (i32.add (local.get $at) (local.get $index))
            (array.get_u $units (global.get $piece) (local.get $index)))
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next)))))

  ;; The same, two bytes for each.
  (func (export "put16") (param $at i32) (param $length i32)
    (local $index i32)
    (loop $next
      (if (i32.lt_u (local.get $index) (local.get $length))
        (then
          (i32.store16
            (i32.add (local.get $at) (i32.shl (local.get $index) (i32.const 1)))
            (array.get_u $units (global.get $piece) (local.get $index)))
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next)))))

  ;; A piece as a string, from bytes.
  (func (export "get8") (param $at i32) (param $length i32) (result (ref extern))
    (local $index i32)
    (loop $next
      (if (i32.lt_u (local.get $index) (local.get $length))
        (then
          (array.set $units (global.get $piece) (local.get $index) (i32.load8_u (i32.add (local.get $at) (local.get $index))))
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next))))
    (call $stringOf (global.get $piece) (i32.const 0) (local.get $length)))

  ;; The same, from units of two bytes.
  (func (export "get16") (param $at i32) (param $length i32) (result (ref extern))
    (local $index i32)
    (loop $next
      (if (i32.lt_u (local.get $index) (local.get $length))
        (then
          (array.set $units (global.get $piece) (local.get $index)
            (i32.load16_u (i32.add (local.get $at) (i32.shl (local.get $index) (i32.const 1)))))
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next))))
    (call $stringOf (global.get $piece) (i32.const 0) (local.get $length)))

  ;; All bits of some bytes: above 127 where not all of them are ASCII.
  (func (export "bits") (param $at i32) (param $length i32) (result i32)
    (local $end i32) (local $bits i64)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (loop $eight
      (if (i32.le_u (i32.add (local.get $at) (i32.const 8)) (local.get $end))
        (then
          (local.set $bits (i64.or (local.get $bits) (i64.load align=1 (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br $eight))))
    (loop $one
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (local.set $bits (i64.or (local.get $bits) (i64.load8_u (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $one))))
    (local.set $bits (i64.or (local.get $bits) (i64.shr_u (local.get $bits) (i64.const 32))))
    (local.set $bits (i64.or (local.get $bits) (i64.shr_u (local.get $bits) (i64.const 16))))
    (local.set $bits (i64.or (local.get $bits) (i64.shr_u (local.get $bits) (i64.const 8))))
    (i32.and (i32.wrap_i64 (local.get $bits)) (i32.const 255)))
)
