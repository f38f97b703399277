/** Limber dies by SIGKILL in the middle of its work; the next one finishes it, or takes it back. */
import { describeCrashes } from '../chaos/crash-case.ts';
import { switchovers } from '../chaos/crash-table.ts';

describeCrashes('switchovers', switchovers);
