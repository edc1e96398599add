"""Reads a JSON list of FENs. Writes a list with null for each position that python-chess finds impossible, and otherwise its
FEN without unsupported castling rights and en passant square, and its legal moves."""
import json
import sys

import chess

MENDED = chess.STATUS_BAD_CASTLING_RIGHTS | chess.STATUS_INVALID_EP_SQUARE


def judge(fen):
    try:
        board = chess.Board(fen)
    except ValueError:
        return None
    if board.status() & ~MENDED:
        return None
    board.castling_rights = board.clean_castling_rights()
    board.ep_square = board._valid_ep_square()
    return {"fen": board.fen(en_passant="fen"), "moves": sorted(m.uci() for m in board.legal_moves)}


json.dump([judge(fen) for fen in json.load(sys.stdin)], sys.stdout)
