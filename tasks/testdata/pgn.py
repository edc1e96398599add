"""Reads a PGN file. Writes, for each game that python-chess reads without an error, the position after every move of its main
line, or null for a game of another variant, with an error or with a null move."""
import json
import sys

import chess
import chess.pgn

games = []
with open(sys.argv[1], encoding="utf-8", errors="replace") as f:
    while (game := chess.pgn.read_game(f)) is not None:
        variant = game.headers.get("Variant", "").strip().lower()
        if game.errors or variant not in ("", "standard", "from position", "chess", "normal"):
            games.append(None)
            continue
        board = game.board()
        fens = [board.fen(en_passant="fen")]
        for move in game.mainline_moves():
            if not move:
                fens = None
                break
            board.push(move)
            fens.append(board.fen(en_passant="fen"))
        games.append(fens)
json.dump(games, sys.stdout)
