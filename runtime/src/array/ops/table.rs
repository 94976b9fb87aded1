//! The names of elementwise operations: one table, from which everything else follows.

macro_rules! names {
    ($(#[$doc:meta])* $kind:ident { $($v:ident $name:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum $kind { $($v),* }

        impl $kind {
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$v => $name),* }
            }
        }
    };
}

names! {
    /// Operations of one argument, with results of its type.
    Unary {
        Negative "negative" Abs "abs" Sign "sign" Square "square" Sqrt "sqrt" Cbrt "cbrt" Exp "exp" Exp2 "exp2" Expm1 "expm1"
        Log "log" Log2 "log2" Log10 "log10" Log1p "log1p" Sin "sin" Cos "cos" Tan "tan" Arcsin "arcsin" Arccos "arccos"
        Arctan "arctan" Sinh "sinh" Cosh "cosh" Tanh "tanh" Arcsinh "arcsinh" Arccosh "arccosh" Arctanh "arctanh"
        Floor "floor" Ceil "ceil" Trunc "trunc" Rint "rint" Reciprocal "reciprocal" Degrees "degrees" Radians "radians"
        Not "bitwise_not" Conj "conj" Real "real" Imag "imag"
    }
}

names! {
    /// Operations of two arguments of one type, with results of that type.
    Binary {
        Add "add" Subtract "subtract" Multiply "multiply" Divide "divide" FloorDivide "floor_divide" Remainder "remainder"
        Fmod "fmod" Power "power" Maximum "maximum" Minimum "minimum" Fmax "fmax" Fmin "fmin" Arctan2 "arctan2" Hypot "hypot"
        Copysign "copysign" Logaddexp "logaddexp" And "bitwise_and" Or "bitwise_or" Xor "bitwise_xor" LeftShift "left_shift"
        RightShift "right_shift"
    }
}

names! {
    /// Comparisons.
    Compare {
        Equal "equal" NotEqual "not_equal" Less "less" LessEqual "less_equal" Greater "greater" GreaterEqual "greater_equal"
    }
}

names! {
    /// Operations of two booleans.
    Logical { And "logical_and" Or "logical_or" Xor "logical_xor" }
}

names! {
    /// Properties of one element.
    Test {
        IsNan "isnan" IsFinite "isfinite" IsInf "isinf" IsPosInf "isposinf" IsNegInf "isneginf" Signbit "signbit"
        Not "logical_not" True "bool"
    }
}

impl Logical {
    pub(super) fn function(self) -> fn(bool, bool) -> bool {
        match self {
            Self::And => |a, b| a && b,
            Self::Or => |a, b| a || b,
            Self::Xor => |a, b| a != b,
        }
    }
}

impl Unary {
    /// Returns whether integers are converted to floats first.
    pub(crate) fn wants_floats(self) -> bool {
        !matches!(
            self,
            Self::Negative
                | Self::Abs
                | Self::Sign
                | Self::Square
                | Self::Floor
                | Self::Ceil
                | Self::Trunc
                | Self::Rint
                | Self::Not
                | Self::Conj
                | Self::Real
                | Self::Imag
        )
    }
}

impl Binary {
    /// Returns whether integers are converted to floats first.
    pub(crate) fn wants_floats(self) -> bool {
        matches!(
            self,
            Self::Divide | Self::Arctan2 | Self::Hypot | Self::Copysign | Self::Logaddexp
        )
    }
}
