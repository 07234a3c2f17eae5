"""The fibre: networks of one width that compute one function, drawn from the init law; the null given the function."""
