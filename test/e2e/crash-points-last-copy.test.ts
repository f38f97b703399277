/** Limber dies by SIGKILL in the middle of its work, and a node dies too; the next Limber costs nobody the last copy. */
import { describeCrashes } from '../chaos/crash-case.ts';
import { lastCopies } from '../chaos/crash-table.ts';

describeCrashes('last copies', lastCopies);
